//! Child contexts: parallel work with a state of its own.

use std::{error::Error, fmt};

use crate::{
    ContextId, RequestContext, Scheduler,
    context::{Context, Inner, Origin},
    family::Refused,
    trusted,
};

/// How a state makes the state of a child context: what is inherited, what is copied, and what never
/// crosses, a transaction say.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use request_context::{Fork, RequestContext, context, context_async, scheduler};
///
/// struct Request { user: String, queries: Cell<u32> }
///
/// impl Fork for Request {
///     fn fork(&self) -> Self {
///         Request { user: self.user.clone(), queries: Cell::new(0) }
///     }
/// }
///
/// #[context_async(Request)]
/// async fn query() -> String {
///     let request = context!();
///     request.queries.set(request.queries.get() + 1);
///     request.user.clone()
/// }
///
/// #[context_async(Request)]
/// async fn both() -> u32 {
///     let (left, right) = (scheduler!().fork().unwrap(), scheduler!().fork().unwrap());
///     let (first, second) = tokio::join!(
///         left.scheduler().spawn(query()),             // in parallel
///         right.scheduler().spawn(query()),
///     );
///     assert_eq!(first.unwrap(), second.unwrap());
///     context!().queries.get()
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// let context = RequestContext::new(Request { user: "ada".into(), queries: Cell::new(0) });
/// assert_eq!(context.run(both()).await, 0);
/// # }
/// ```
pub trait Fork: Sized {
    /// The state of a new child of the context with this state.
    fn fork(&self) -> Self;
}

impl<S: Fork + Send + 'static> Scheduler<S> {
    /// A child of this context, whose state [`Fork`] makes. Its work runs in parallel to the work of this
    /// one, with the same settings and on the same runtime; that of a context which is bound to a thread
    /// runs on the pool.
    ///
    /// [`idle`](RequestContext::idle) of this context waits for the child's work as well, and reports the
    /// panics that nobody took; closing this context closes the child to new work, and cancelling it
    /// cancels the child. Neither goes up: a child that is cancelled leaves its parent alone. A child does
    /// not keep its parent's state alive.
    ///
    /// # Errors
    ///
    /// Where this thread is not in the context, whose state is needed, or if it is closed or cancelled.
    /// A concurrent context may be forked from anywhere.
    ///
    /// # Panics
    ///
    /// When [`Fork::fork`] does.
    pub fn fork(&self) -> Result<RequestContext<S>, ForkError> {
        self.forked(|| {
            let header = &self.inner().header;
            Origin {
                cancelled_by: Some(header.token(None).clone()),
                parent: header.this.upgrade(),
                ..self.origin()
            }
        })
    }

    /// A new context as [`fork`](Scheduler::fork) makes it, and independent of this one from then on: not
    /// waited for, not closed, not cancelled with it. For work that outlives its request.
    ///
    /// # Errors
    ///
    /// Where this thread is not in the context, whose state is needed, or if it is closed or cancelled.
    /// A concurrent context may be forked from anywhere.
    ///
    /// # Panics
    ///
    /// When [`Fork::fork`] does.
    pub fn fork_detached(&self) -> Result<RequestContext<S>, ForkError> {
        self.forked(|| self.origin())
    }

    fn origin(&self) -> Origin {
        Origin {
            settings: self.inner().header.settings().cloned(),
            ..Origin::default()
        }
    }

    fn forked(&self, origin: impl FnOnce() -> Origin) -> Result<RequestContext<S>, ForkError> {
        let header = self.inner().header();
        let held = header.inline().ok_or(ForkError::NotOnContext(header.id))?;
        let kind = header
            .kind
            .of_fork()
            .ok_or(ForkError::NoRuntime(header.id))?;
        // Asked for and not kept: work of the child counts by itself.
        header.begin().map_err(|refused| match refused {
            Refused::Closed => ForkError::Closed(header.id),
            Refused::Cancelled => ForkError::Cancelled(header.id),
        })?;
        header.end(1);
        let forked = trusted::enter(&held, false, || trusted::with_state(S::fork));
        let state = forked.expect("entered above");
        Ok(RequestContext::of(Inner::forked(state, kind, origin())))
    }
}

/// Why a context was not forked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForkError {
    /// This thread is not in the context, whose state is needed.
    NotOnContext(ContextId),
    /// The context is closed.
    Closed(ContextId),
    /// The context is cancelled.
    Cancelled(ContextId),
    /// The context is bound to a loop's thread, and there was no tokio runtime when it was made, which
    /// would run the fork.
    NoRuntime(ContextId),
}

impl fmt::Display for ForkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForkError::NotOnContext(context) => write!(
                f,
                "{context} can only be forked by code that runs on it, as its state is needed; \
                 use `scheduler.run(..)` or `post`"
            ),
            ForkError::Closed(context) => write!(f, "{context} was not forked: it is closed"),
            ForkError::Cancelled(context) => write!(f, "{context} was not forked: it is cancelled"),
            ForkError::NoRuntime(context) => write!(
                f,
                "{context} was not forked: it was made off any tokio runtime, which would run the fork"
            ),
        }
    }
}

impl Error for ForkError {}
