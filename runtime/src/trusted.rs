//! The only `unsafe` code of the crate: this thread's stack of entries, the token, and the futures
//! that may only be polled inside a context.
//!
//! # Invariants
//!
//! 1. An [`Entry`] of a context is on this thread's stack only while this thread holds that
//!    context's turn, or if the context is concurrent, which takes a state that is `Sync`: [`enter`]
//!    takes a [`Held`] as proof, and only a closure's run keeps the entry there.
//! 2. The holder of that `Held` keeps the context alive, so the header an entry points to lives at
//!    least as long as the entry.
//! 3. The stack is a list through the stack frames of the `enter` calls: what is below an entry
//!    outlives it.
//! 4. A body's raw future is polled only by [`Root`], which owns the context and drops the body
//!    first, or inside an [`Attached`] future, which borrows the body it was attached in. At every
//!    poll, both see to it that their own context is on top of the stack, where a body that starts
//!    takes its token from.
//! 5. A token points to its context's allocation, and borrows the body that made it, in which only the
//!    body's own code makes one: there, with 4, the context on top is that of the body. So the token
//!    cannot outlive the context. Every use checks that this thread has entered that context.
//! 6. `&S` is only handed out by uses of 5 and by [`with_state`], inside an entry of its context. It
//!    is not `Send` when `S` is not `Sync`, and so stays in that turn.
//! 7. A context that is bound to a thread is entered on that thread alone, whatever its state and its
//!    futures are: no other thread gets a [`Held`] of it, and from the end of the state on no thread
//!    does. Its bodies, which [`Homebound`] holds, are polled there, and dropped there or leaked where
//!    they stand. Its state is dropped there, once, in no turn of it and while no body that was ever
//!    polled is left, or never.
//! 8. What [`put_on_top`](entry::put_on_top) returns is dropped before its entry: [`DetachedFn`] keeps both in the
//!    same stack frame, as `enter` and `hide` do.
//! 9. A closure given to [`lend`] outlives the [`Lent`] that stands for it: `lend` ends after that.
//! 10. A [`pair`] has two owners. The first that is dropped says so, and uses it no more; the last one, which finds
//!     that said, has it for itself, and drops it. Its job is that of the [`Queued`] half alone.
//! 11. The work of an item is reached through its [`Turn`](item::Turn) alone. There is one at most: who is told by
//!     [`Schedule`](crate::schedule::Schedule) that the turn is theirs makes it, and it is given up before another
//!     one can be made. An item is freed by its last owner, after its work.
//! 12. A [`page`] has [`Shares`](page::Shares). Each piece of it has one, from when it is taken until it is given back,
//!     and the thread that takes them has all others, until it takes no more of this page. Nobody reaches a page
//!     without a share, and whoever gives the last one up frees it. Pieces do not overlap, none is taken twice, and the
//!     pointer to a piece may reach all of its page.

mod body;
mod detached_fn;
mod entry;
mod item;
mod page;
mod pair;
mod part;
mod thread;
mod token;

pub(crate) use body::Root;
pub use body::{Attached, Inside, Work, attach_to, inside};
pub(crate) use detached_fn::{DetachedFn, NotChecked};
pub(crate) use entry::{ends_in_entry, enter, find_held, hide, holds, is_visible, runs_work_of};
pub(crate) use item::{Beside, Steps, Turn, item};
pub(crate) use pair::{Awaited, Job, Queued, pair};
pub use part::{DetachedPart, detached_part, with_parts};
pub(crate) use thread::{Homebound, end, lend};
pub use token::{CurrentAnyContext, CurrentContext, anchor, any_token, token};
pub(crate) use token::{OnTurn, Token, current, with_state};
#[cfg(all(test, request_context_loom))]
pub(crate) use {page::Shares, pair::two_awaited};
