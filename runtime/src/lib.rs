#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod builder;
mod cancel;
mod context;
mod current;
mod detached;
mod dispatch;
mod driver;
mod exclusive;
mod family;
mod fork;
mod home;
mod hop;
mod join;
mod joined;
mod needs;
mod no_context;
mod outstanding;
mod post;
mod queue;
mod rare;
mod run;
mod schedule;
mod scheduler;
mod send;
mod send_check;
mod settings;
#[cfg(feature = "tracing")]
mod span;
mod suspended;
mod sync;
mod task;
mod thread;
mod trusted;
mod turn;
mod turn_hook;
mod waiters;
mod words;

#[cfg(all(test, request_context_loom))]
mod models;

#[cfg(doc)]
#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[cfg(doc)]
#[doc = include_str!("diagnostics.md")]
pub mod diagnostics {}

/// A `clippy.toml` for those who want to be warned of what loses a context without an error.
///
/// It is `lints/clippy.toml` in this crate's package:
///
/// ```toml
#[cfg(doc)]
#[doc = include_str!("../lints/clippy.toml")]
/// ```
pub mod lints {}

/// Marks an `async fn` that needs a request context: `#[context_async(State)]`, or `#[context_async]`
/// if it does not matter which state.
///
/// The fn then returns a [`NeedsContext`] (or [`NeedsAnyContext`]): it can be awaited in other such fns
/// of the same state, and be given to [`RequestContext::run`] and [`Scheduler::spawn`]; anywhere else it
/// is a compile error. In its body [`context!()`](context!), [`scheduler!()`](scheduler!) and
/// [`attach!(..)`](attach!) may be used, and [`#[detached]`](macro@detached) on statements.
///
/// It works on free fns, methods and trait methods, with any arguments and generics; the state may be a
/// generic parameter, inferred from the caller.
///
/// | argument | meaning |
/// |---|---|
/// | `State` | the type of the state; without one, any context will do |
/// | `?Send` | the fn's future need not be `Send` |
/// | `boxed` | the future is boxed, so that the fn can call itself, and a `dyn` trait can have it |
/// | `crate = path` | where `request_context` is found, if it was renamed; trusted to lead to this crate |
/// | `allow(blocking)` | calls that block by their name (`thread::sleep`, `block_on`, `blocking_send` and the like) are not refused in the body |
///
/// Awaits inside nested `async` blocks, closures and macros that are not known are left alone: such code
/// may run in another task. There, `attach!(call()).await` does it.
///
/// A trait whose methods are `boxed` is dyn-compatible, if it would be as a trait of sync fns. Its impls
/// repeat the attribute with the same arguments.
///
/// # Panics
///
/// The expansion panics by itself only where its context is used off its thread, or where it is detached:
/// see [`CurrentContext`].
///
/// # Cancel safety
///
/// That of the body: like any `async fn`, it is dropped at the await where it stands, on its context.
///
/// # Examples
///
/// ```
/// use request_context::{RequestContext, context, context_async};
///
/// trait HasUser: Send + 'static {
///     fn user(&self) -> &str;
/// }
///
/// struct Request(String);
///
/// impl HasUser for Request {
///     fn user(&self) -> &str {
///         &self.0
///     }
/// }
///
/// #[context_async(C)]
/// async fn audit<C: HasUser>(action: &str) -> String {
///     format!("{} did {action}", context!().user())
/// }
///
/// #[context_async(Request)]
/// async fn delete() -> String {
///     audit("delete").await
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// let context = RequestContext::new(Request("ada".into()));
/// assert_eq!(context.run(delete()).await, "ada did delete");
/// # }
/// ```
///
/// A `dyn` trait:
///
/// ```
/// use request_context::{RequestContext, context, context_async};
///
/// trait Repository: Send + Sync {
///     #[context_async(String, boxed)]
///     async fn find(&self, id: u64) -> Option<&str>;
/// }
///
/// struct Memory(Vec<String>);
///
/// impl Repository for Memory {
///     #[context_async(String, boxed)]
///     async fn find(&self, id: u64) -> Option<&str> {
///         let row = self.0.get(usize::try_from(id).ok()?)?;
///         (*row == *context!()).then_some(row)
///     }
/// }
///
/// #[context_async(String)]
/// async fn is_mine(all: Vec<Box<dyn Repository>>) -> bool {
///     for repository in &all {
///         if repository.find(0).await.is_some() {
///             return true;
///         }
///     }
///     false
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// let context = RequestContext::new("ada".to_owned());
/// assert!(context.run(is_mine(vec![Box::new(Memory(vec!["ada".into()]))])).await);
/// # }
/// ```
pub use request_context_macros::context_async;

/// An `async` block that needs a request context: `context_block!(State, async move { .. })`, for `run`
/// and `spawn` where a call is not enough.
///
/// The words of a context body may be used in it. Without a state, `context_block!(async { .. })`, it runs
/// on any context. `allow(blocking)` and `crate = path` may stand before the block, the latter also inside
/// a body whose attribute has it.
///
/// # Examples
///
/// ```
/// use request_context::{RequestContext, context, context_block};
///
/// # #[tokio::main]
/// # async fn main() {
/// let context = RequestContext::new(21);
/// let twice = context.run(context_block!(u32, async move { 2 * *context!() })).await;
/// assert_eq!(twice, 42);
/// # }
/// ```
pub use request_context_macros::context_block;

/// Takes code off the request context: an `async fn`, or a statement of a
/// [`#[context_async]`](macro@context_async) body.
///
/// A detached fn is an ordinary `async fn`, callable anywhere. No context is visible while it runs, and it
/// cannot call what needs one: a compile error. A detached statement or block is the same for a part of a
/// body, as `ConfigureAwait(false)` was meant to be; `?`, `return` and `break` keep their meaning in it.
/// A handle from [`context!()`](context!) that is used there panics; data read through it before stays
/// usable.
///
/// Arguments, on a fn: `?Send`, `crate = path`.
///
/// The future of a fn is checked to be `Send`, at the fn, unless `?Send` says that it need not be. Of a fn that
/// is generic, or a method, that is so where its arguments, its type parameters and `Self` are `Send` by the
/// bounds that are known there; where they are not, its future is `Send` for those callers for whom it can be,
/// as that of any `async fn`. So is, without a check, the future of a fn
///
/// * with a body in a trait itself, or that awaits what a generic argument's own trait gives
///   (`repository.find(id).await`): of a plain `async fn` of a trait, nobody knows before the implementation;
/// * that calls itself. Two that call each other say `?Send`, both.
///
/// # Examples
///
/// ```
/// use request_context::{RequestContext, context, context_async, detached, try_with};
///
/// #[detached]
/// async fn sees_a_context() -> bool {
///     try_with::<String, _>(|_| ()).is_ok()
/// }
///
/// #[context_async(String)]
/// async fn controller() -> usize {
///     assert!(!sees_a_context().await);
///     #[detached]
///     {
///         tokio::task::yield_now().await;
///         assert!(try_with::<String, _>(|_| ()).is_err());
///     }
///     context!().len()
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// assert_eq!(RequestContext::new("ada".to_owned()).run(controller()).await, 3);
/// # }
/// ```
pub use request_context_macros::detached;

pub use builder::{BuildError, Builder};
pub use context::{ContextId, RequestContext, run_on_context};
pub use detached::{spawn_blocking_detached, spawn_detached, spawn_long_running_detached};
pub use dispatch::{Dispatch, Job};
pub use fork::{Fork, ForkError};
pub use home::WrongThread;
pub use join::{JoinError, JoinHandle};
pub use needs::{InsideContextAsync, NeedsAnyContext, NeedsContext};
// Public names, so that messages show them without their paths.
#[doc(hidden)]
pub use crate::{
    __private::AnyState,
    needs::{AnyContextFor, CallOfAContextFn, CalledInsideContextAsync, OffContext},
};
pub use no_context::NoContext;
pub use outstanding::Panicked;
pub use run::Run;
pub use scheduler::{AnyScheduler, Scheduler};
pub use send::SendError;
pub use settings::WorkPanic;
pub use thread::{ContextThread, StopError, ThreadScheduler};
pub use trusted::{Attached, CurrentAnyContext, CurrentContext, Work};
pub use turn_hook::TurnHook;

/// Runs `look` on the state of the request context that is visible here: the unchecked look-up, for
/// log formatters and `Drop`.
///
/// In a [`#[context_async]`](macro@context_async) body use [`context!()`](context!), which cannot fail.
///
/// # Errors
///
/// When no context with state `S` is visible here; the error says why, and where it was detached.
///
/// # Examples
///
/// ```
/// use request_context::{RequestContext, try_with};
///
/// fn log_line(message: &str) -> String {
///     try_with::<String, _>(|user| format!("{user}: {message}"))
///         .unwrap_or_else(|_| message.to_owned())
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// assert_eq!(log_line("hello"), "hello");
/// let context = RequestContext::new("ada".to_owned());
/// assert_eq!(context.run(async { log_line("hello") }).await, "ada: hello");
/// # }
/// ```
pub fn try_with<S: 'static, R>(look: impl FnOnce(&S) -> R) -> Result<R, NoContext> {
    trusted::with_state(look)
}

/// What generated code calls. Not public API: it changes with every version.
#[doc(hidden)]
pub mod __private {
    use std::{future::Future, pin::Pin};

    use crate::{AnyScheduler, CurrentAnyContext, CurrentContext, Scheduler};
    pub use crate::{
        detached::{DetachedFnHere, detached_fn, detached_fn_send},
        needs::{needs_any_context, needs_context},
        send_check::Captures,
        trusted::{
            DetachedPart, Inside, anchor, any_token, attach_to, detached_part, inside, token,
            with_parts,
        },
    };

    /// Stands for the state of a bare body, which could be any. Not `Sized`, so that no state of a
    /// generic fn is taken for it.
    #[derive(Debug)]
    pub struct AnyState {
        _not_sized: [()],
    }

    /// What a body returns, where that is never reached.
    pub fn returned<T>() -> T {
        unreachable!("only its type is asked for")
    }

    /// `!` as the output of a future: the type itself cannot be written there.
    pub type Never = <fn() -> ! as Returns>::Output;

    #[expect(missing_docs)]
    pub trait Returns {
        type Output;
    }

    impl<T> Returns for fn() -> T {
        type Output = T;
    }

    /// What `scheduler!()` stands for.
    pub trait CurrentScheduler {
        /// A `Scheduler` or an `AnyScheduler`.
        type Scheduler;
        #[expect(missing_docs)]
        fn scheduler(&self) -> Self::Scheduler;
    }

    impl<S: 'static> CurrentScheduler for CurrentContext<'_, S> {
        type Scheduler = Scheduler<S>;

        fn scheduler(&self) -> Scheduler<S> {
            Scheduler::new(self.owner())
        }
    }

    impl CurrentScheduler for CurrentAnyContext<'_> {
        type Scheduler = AnyScheduler;

        fn scheduler(&self) -> AnyScheduler {
            AnyScheduler::new(self.owner())
        }
    }

    /// `scheduler!()`.
    pub fn scheduler<T: CurrentScheduler>(token: &T) -> T::Scheduler {
        token.scheduler()
    }

    /// The future of a `boxed` method.
    pub type Boxed<F> = Pin<Box<F>>;

    /// The body of a `boxed` fn.
    pub fn boxed<'a, T>(
        body: impl Future<Output = T> + Send + 'a,
    ) -> Boxed<dyn Future<Output = T> + Send + 'a> {
        Box::pin(body)
    }

    /// The body of a `boxed, ?Send` fn.
    pub fn boxed_local<'a, T>(
        body: impl Future<Output = T> + 'a,
    ) -> Boxed<dyn Future<Output = T> + 'a> {
        Box::pin(body)
    }
}
