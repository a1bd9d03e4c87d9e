//! Handles of spawned, posted and detached work.

use std::{
    any::Any,
    error::Error,
    fmt,
    future::Future,
    mem,
    panic::resume_unwind,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    thread::{self, ThreadId},
};

use tokio::{sync::oneshot, task::coop};

use crate::{
    ContextId,
    context::Header,
    family::Refused,
    joined::{Failed, Joined, Outcome},
    outstanding::{Payload, message},
    trusted::{self, Awaited, Beside},
};

/// The handle of a piece of work: await it for what the work came to.
///
/// Dropping it lets the work go on. It keeps no context alive; that of a posted closure keeps up to 4 KB, in which
/// other posts of the same thread lay.
///
/// # Cancel safety
///
/// Await `&mut handle` to come back later; nothing is lost.
///
/// # Examples
///
/// ```
/// # use request_context::RequestContext;
/// # #[tokio::main]
/// # async fn main() {
/// let context = RequestContext::new(21);
/// let handle = context.scheduler().post(|state| 2 * state);
/// assert_eq!(handle.await.unwrap(), 42);
/// # }
/// ```
#[must_use = "dropping the handle lets the work go on, and its result is lost; `let _ = ..` or \
              `drop(..)` says that this is meant"]
pub struct JoinHandle<T> {
    work: Running<T>,
}

enum Running<T> {
    OnContext {
        context: ContextId,
        /// The thread that the context is bound to.
        home: Option<ThreadId>,
        /// `None` once its outcome was taken.
        work: Option<OnContext<T>>,
    },
    Detached(tokio::task::JoinHandle<T>),
    /// On a thread of its own.
    OnThread(oneshot::Receiver<Result<T, Payload>>),
    /// Never started.
    Refused(ContextId, Refused),
}

struct OnContext<T> {
    work: Handle<T>,
    /// Whether this has left a waker.
    has_waited: bool,
}

enum Handle<T> {
    Spawned(Beside<Joined<T>>),
    Posted(Awaited<Joined<T>>),
}

impl<T> OnContext<T> {
    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        if let Handle::Posted(closure) = &mut self.work {
            if let Some(joined) = closure.get_mut() {
                return Poll::Ready(joined.take());
            }
        }
        let has_waited = mem::replace(&mut self.has_waited, true);
        self.joined().poll_outcome(cx, has_waited)
    }

    fn joined(&self) -> &Joined<T> {
        match &self.work {
            Handle::Spawned(work) => work,
            Handle::Posted(closure) => closure,
        }
    }

    fn abort(&self) {
        match &self.work {
            Handle::Spawned(work) => work.abort(),
            Handle::Posted(closure) => closure.set_aborted(),
        }
    }

    fn is_finished(&self) -> bool {
        self.joined().is_finished()
    }
}

impl<T> JoinHandle<T> {
    pub(crate) fn of_spawned(context: &Header, work: Beside<Joined<T>>) -> Self {
        Self::on_context(context, Handle::Spawned(work))
    }

    #[inline]
    pub(crate) fn of_posted(context: &Header, closure: Awaited<Joined<T>>) -> Self {
        Self::on_context(context, Handle::Posted(closure))
    }

    #[inline]
    fn on_context(context: &Header, work: Handle<T>) -> Self {
        let has_waited = false;
        JoinHandle {
            work: Running::OnContext {
                context: context.id,
                home: context.kind.home().map(|home| home.thread()),
                work: Some(OnContext { work, has_waited }),
            },
        }
    }

    pub(crate) fn of_detached(task: tokio::task::JoinHandle<T>) -> Self {
        JoinHandle {
            work: Running::Detached(task),
        }
    }

    pub(crate) fn of_thread(result: oneshot::Receiver<Result<T, Payload>>) -> Self {
        JoinHandle {
            work: Running::OnThread(result),
        }
    }

    pub(crate) fn of_refused(context: ContextId, why: Refused) -> Self {
        JoinHandle {
            work: Running::Refused(context, why),
        }
    }

    /// The context the work runs on; `None` if it is detached.
    pub fn context_id(&self) -> Option<ContextId> {
        match &self.work {
            Running::OnContext { context, .. } | Running::Refused(context, _) => Some(*context),
            Running::Detached(_) | Running::OnThread(_) => None,
        }
    }

    /// Ends the work at its next suspension; its future is dropped on its context, and the handle
    /// resolves to an error that [is cancelled](JoinError::is_cancelled). Work that is done stays
    /// done.
    pub fn abort(&self) {
        match &self.work {
            Running::OnContext { work, .. } => {
                if let Some(work) = work {
                    work.abort();
                }
            }
            Running::Detached(task) => task.abort(),
            Running::OnThread(_) | Running::Refused(..) => {}
        }
    }

    /// Whether the work has ended, in whatever way.
    pub fn is_finished(&self) -> bool {
        match &self.work {
            Running::OnContext { work, .. } => work.as_ref().is_none_or(OnContext::is_finished),
            Running::Detached(task) => task.is_finished(),
            Running::OnThread(result) => result.is_terminated() || !result.is_empty(),
            Running::Refused(..) => true,
        }
    }

    /// Waits for the work on this thread: for sync code that has no `.await`.
    ///
    /// # Errors
    ///
    /// The work's own, as awaiting does. And at once, instead of waiting for ever, one that
    /// [would deadlock](JoinError::is_deadlock): if this thread holds the turn that the work needs, is
    /// the one that it is bound to, or runs async tasks, which would not run meanwhile. The work goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use request_context::{JoinError, JoinHandle, RequestContext, context_async, scheduler};
    ///
    /// fn sync_code(handle: JoinHandle<u32>) -> Result<u32, JoinError> {
    ///     handle.blocking_join()
    /// }
    ///
    /// #[context_async(())]
    /// async fn blocks_on_its_own_context() -> Result<u32, JoinError> {
    ///     sync_code(scheduler!().spawn(async { 42 }))
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// let context = RequestContext::new(());
    /// let error = context.run(blocks_on_its_own_context()).await.unwrap_err();
    /// assert!(error.is_deadlock());
    ///
    /// let handle = context.scheduler().spawn(async { 42 });
    /// let joined = tokio::task::spawn_blocking(move || handle.blocking_join()).await.unwrap();
    /// assert_eq!(joined.unwrap(), 42);
    /// # }
    /// ```
    pub fn blocking_join(self) -> Result<T, JoinError> {
        if !self.is_finished() {
            self.would_block()?;
        }
        pollster::block_on(self)
    }

    fn would_block(&self) -> Result<(), JoinError> {
        let context = self.context_id();
        let own_turn = trusted::find_held(|held| {
            (Some(held.id) == context && !held.kind.is_concurrent()).then(|| Why::OwnTurn {
                outstanding: held.count(),
            })
        });
        let own_turn = own_turn.or_else(|| match &self.work {
            Running::OnContext { home, .. } if *home == Some(thread::current().id()) => {
                Some(Why::OwnThread)
            }
            _ => None,
        });
        match own_turn.or_else(|| is_async_worker().then_some(Why::AsyncWorker)) {
            Some(why) => Err(JoinError { context, why }),
            None => Ok(()),
        }
    }
}

/// Whether this thread is polling a tokio task, in which blocking would keep others from running.
///
/// tokio has no call for this. But it gives a task a budget of operations while it polls it, and none
/// where blocking is fine: in `spawn_blocking`, `block_in_place` and off its runtimes.
pub(crate) fn is_async_worker() -> bool {
    /// More than any budget tokio gives.
    const MANY: usize = 1 << 10;

    let mut taken = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    let mut limited = false;
    while !limited && taken.len() < MANY {
        match coop::poll_proceed(&mut cx) {
            Poll::Ready(restore) => taken.push(restore),
            Poll::Pending => limited = true,
        }
    }
    // Each puts back what it took; the first one last.
    while taken.pop().is_some() {}
    limited
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let context = self.context_id();
        let result = match &mut self.work {
            Running::OnContext { work, .. } => {
                let polled = work.as_mut().map(|work| work.poll_outcome(cx));
                // Taken apart where it is, as moving it first costs more than the rest.
                let result = match polled {
                    Some(Poll::Pending) => return Poll::Pending,
                    Some(Poll::Ready(Ok(output))) => Ok(output.take()),
                    Some(Poll::Ready(Err(Failed::Panicked(panic)))) => {
                        Err(Why::Panic(panic.claim()))
                    }
                    Some(Poll::Ready(Err(Failed::Cancelled))) | None => Err(Why::Cancelled),
                };
                *work = None;
                result
            }
            Running::Detached(task) => {
                ready!(Pin::new(task).poll(cx)).map_err(|error| match error.try_into_panic() {
                    Ok(payload) => Why::Panic(payload),
                    Err(_) => Why::Cancelled,
                })
            }
            Running::OnThread(result) => match ready!(Pin::new(result).poll(cx)) {
                Ok(result) => result.map_err(Why::Panic),
                Err(_) => Err(Why::Cancelled),
            },
            Running::Refused(_, Refused::Closed) => Err(Why::Closed),
            Running::Refused(_, Refused::Cancelled) => Err(Why::Cancelled),
        };
        Poll::Ready(result.map_err(|why| JoinError { context, why }))
    }
}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        if let Running::OnContext {
            work:
                Some(OnContext {
                    work: Handle::Spawned(work),
                    ..
                }),
            ..
        } = &self.work
        {
            work.leave();
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("context", &self.context_id())
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// Work came to no result, or could not be waited for.
pub struct JoinError {
    context: Option<ContextId>,
    why: Why,
}

enum Why {
    Panic(Payload),
    Cancelled,
    Closed,
    OwnTurn { outstanding: usize },
    OwnThread,
    AsyncWorker,
}

impl JoinError {
    /// The context the work runs on; `None` if it is detached.
    pub fn context_id(&self) -> Option<ContextId> {
        self.context
    }

    /// Whether the work panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.why, Why::Panic(_))
    }

    /// Whether the work was dropped before its end: aborted, [cancelled](crate::RequestContext::cancel)
    /// with its context, or left by a runtime that shut down.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.why, Why::Cancelled)
    }

    /// Whether the work was dropped unexecuted, because its context was
    /// [closed](crate::RequestContext::close).
    pub fn is_closed(&self) -> bool {
        matches!(self.why, Why::Closed)
    }

    /// Whether [`blocking_join`](JoinHandle::blocking_join) would have waited for ever. The work goes
    /// on.
    pub fn is_deadlock(&self) -> bool {
        matches!(
            self.why,
            Why::OwnTurn { .. } | Why::OwnThread | Why::AsyncWorker
        )
    }

    /// The panic of the work, for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// If the work did not panic.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`into_panic` was called on an error that is none: {error}"),
        }
    }

    /// The panic of the work, for [`std::panic::resume_unwind`].
    ///
    /// # Errors
    ///
    /// The error itself if the work did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.why {
            Why::Panic(payload) => Ok(payload),
            why => Err(JoinError { why, ..self }),
        }
    }

    /// Goes on with the panic of the work, in this thread.
    ///
    /// # Panics
    ///
    /// Always.
    #[track_caller]
    pub fn resume_panic(self) -> ! {
        resume_unwind(self.into_panic())
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let work = match self.context {
            Some(context) => format!("work of {context}"),
            None => "detached work".to_owned(),
        };
        match &self.why {
            Why::Panic(payload) => write!(f, "{work} panicked: `{}`", message(&**payload)),
            Why::Cancelled => write!(f, "{work} was cancelled"),
            Why::Closed => write!(f, "{work} was not started: the context is closed"),
            Why::OwnTurn { outstanding } => write!(
                f,
                "blocking on {work} here would deadlock: this thread holds the context's turn, and \
                 {outstanding} pieces of its work wait for it; `.await` the handle instead"
            ),
            Why::OwnThread => write!(
                f,
                "blocking on {work} here would deadlock: this is the thread that it runs on; `.await` \
                 the handle instead"
            ),
            Why::AsyncWorker => write!(
                f,
                "blocking on {work} here would stop other tasks: this thread runs async tasks; \
                 `.await` the handle, or block in `spawn_blocking`"
            ),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}
