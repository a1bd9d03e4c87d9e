#![doc = include_str!("../../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod context;
mod current;
mod detached;
mod driver;
mod join;
mod needs;
mod no_context;
mod outstanding;
mod queue;
mod run;
mod scheduler;
mod sync;
mod task;
mod trusted;
mod turn;
mod waiters;
mod words;

#[cfg(all(test, request_context_loom))]
mod models;

pub use request_context_macros::{context_async, context_block, detached};

pub use context::{ContextId, RequestContext, run_on_context};
pub use detached::{spawn_blocking_detached, spawn_detached};
pub use join::{JoinError, JoinHandle};
pub use needs::{InsideContextAsync, NeedsAnyContext, NeedsContext};
pub use no_context::NoContext;
pub use outstanding::Panicked;
pub use scheduler::{AnyScheduler, Scheduler};
pub use trusted::{Attached, CurrentAnyContext, CurrentContext, Work};

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
        detached::{detached_fn, detached_fn_send},
        needs::{needs_any_context, needs_context},
        trusted::{
            DetachedPart, Inside, Token, anchor, any_token, attach_to, detached_part, inside, token,
        },
    };

    /// Stands for the state of a bare body, which could be any. Not `Sized`, so that no state of a
    /// generic fn is taken for it.
    pub type AnyState = dyn Unnameable;

    #[expect(missing_docs)]
    pub trait Unnameable {}

    /// What `scheduler!()` stands for.
    pub trait CurrentScheduler {
        /// A `Scheduler` or an `AnyScheduler`.
        type Scheduler;
        #[expect(missing_docs)]
        fn scheduler(&self) -> Self::Scheduler;
    }

    impl<S: Send + 'static> CurrentScheduler for CurrentContext<'_, S> {
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

    /// The body of a `boxed` fn.
    pub fn boxed<'a, T>(
        body: impl Future<Output = T> + Send + 'a,
    ) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
        Box::pin(body)
    }

    /// The body of a `boxed, ?Send` fn.
    pub fn boxed_local<'a, T>(
        body: impl Future<Output = T> + 'a,
    ) -> Pin<Box<dyn Future<Output = T> + 'a>> {
        Box::pin(body)
    }
}
