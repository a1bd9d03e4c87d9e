//! The scheduler of a context: the handle that puts work on it from anywhere.

use std::{
    any::type_name,
    fmt,
    future::Future,
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{
    __private::AnyState,
    ContextId, JoinHandle, NoContext, Run, SendError, ThreadScheduler, Work,
    context::{Context, Header, Inner},
    exclusive::Scope,
    post, send, task, trusted,
};

/// Puts work on a context with state `S`, from anywhere.
///
/// In a [`#[context_async(S)]`](macro@crate::context_async) body it is
/// [`scheduler!()`](crate::scheduler); from outside,
/// [`RequestContext::scheduler`](crate::RequestContext::scheduler). It owns its context as a
/// `RequestContext` does.
///
/// # Examples
///
/// ```
/// use request_context::{RequestContext, context, context_async, scheduler};
///
/// #[context_async(String)]
/// async fn length() -> usize {
///     context!().len()
/// }
///
/// #[context_async(String)]
/// async fn twice() -> usize {
///     let other = scheduler!().spawn(length());      // a sibling, on the same context
///     length().await + other.await.unwrap()
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// assert_eq!(RequestContext::new("ada".to_owned()).run(twice()).await, 6);
/// # }
/// ```
pub struct Scheduler<S> {
    inner: Arc<Inner<S>>,
}

impl<S: 'static> Scheduler<S> {
    pub(crate) fn new(inner: Arc<Inner<S>>) -> Self {
        Scheduler { inner }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner<S>> {
        &self.inner
    }

    /// The scheduler of the context that this code runs on, for code that the compiler cannot check.
    ///
    /// # Errors
    ///
    /// When no context with state `S` is visible here; the error says why, and where it was detached.
    ///
    /// # Examples
    ///
    /// ```
    /// # use request_context::Scheduler;
    /// assert!(Scheduler::<String>::from_current().is_err());
    /// ```
    pub fn from_current() -> Result<Self, NoContext> {
        trusted::current().map(Scheduler::new)
    }

    /// Starts `work` on the context, beside what runs there, and returns at once. It gets its turns in
    /// the order in which it becomes ready.
    ///
    /// Dropping the handle lets the work go on; a panic that no handle takes comes out of
    /// [`idle`](crate::RequestContext::idle).
    ///
    /// With the feature `tracing`, the work runs in the span that is current here: it is entered for each
    /// turn and for the drop of the work. Without, or for another span, spawn
    /// `context_block!(State, async move { attach!(call()).instrument(span).await })`.
    pub fn spawn<W, F, T>(&self, work: W) -> JoinHandle<T>
    where
        W: Work<S, Future = F, Output = T>,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        task::spawn::<S, _, _, _>(&self.inner, self.inner.header.scope(), work)
    }

    /// Starts `work` on the context, and lets no other work of it have a turn from the first turn of this
    /// to its end: an async critical section.
    ///
    /// By default, work of one context never overlaps, but its turns interleave: at each await, others
    /// get theirs. While exclusive work is suspended, they wait; all but what the exclusive work itself
    /// has spawned, posted or run on its context, so that it may wait for that. What it has spawned
    /// exclusively is such work too. Pieces of exclusive work run one after the other, in the order in
    /// which they were spawned. It is the second queue of classic ASP.NET's context, for async callbacks.
    ///
    /// Exclusive work that awaits what is kept out, the handle of work spawned before it, say, waits for
    /// ever: as with an async mutex that one waits to be unlocked by someone who waits for it.
    ///
    /// # Panics
    ///
    /// On a [`concurrent`](crate::RequestContext::concurrent) context, which has no turns to exclude
    /// others from.
    ///
    /// # Cancel safety
    ///
    /// Aborting the handle drops the work, and lets the others go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// use request_context::{RequestContext, context, context_async, scheduler};
    ///
    /// #[context_async(Cell<i32>)]
    /// async fn withdraw(amount: i32) -> bool {
    ///     let balance = context!().get();
    ///     tokio::task::yield_now().await;               // the bank answers
    ///     if balance < amount {
    ///         return false;
    ///     }
    ///     context!().set(balance - amount);
    ///     true
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// let account = RequestContext::new(Cell::new(100));
    /// let scheduler = account.scheduler();
    /// let first = scheduler.spawn_exclusive(withdraw(70));
    /// let second = scheduler.spawn_exclusive(withdraw(70));
    /// assert!(first.await.unwrap());
    /// assert!(!second.await.unwrap());
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_exclusive<W, F, T>(&self, work: W) -> JoinHandle<T>
    where
        W: Work<S, Future = F, Output = T>,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let scope = exclusive_scope(&self.inner.header);
        task::spawn::<S, _, _, _>(&self.inner, scope, work)
    }

    /// Runs `closure` on the context, later: never on this stack, and in the order in which one poster
    /// posts.
    ///
    /// What is ambient here, such as task-locals, does not follow; with the feature `tracing`, the span that
    /// is current here does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// # use request_context::RequestContext;
    /// # #[tokio::main]
    /// # async fn main() {
    /// let context = RequestContext::new(Cell::new(0));
    /// drop(context.scheduler().post(|count| count.set(count.get() + 1)));
    /// let count = context.scheduler().post(|count| count.get()).await.unwrap();
    /// assert_eq!(count, 1);
    /// # }
    /// ```
    pub fn post<F, R>(&self, closure: F) -> JoinHandle<R>
    where
        F: FnOnce(&S) -> R + Send + 'static,
        R: Send + 'static,
    {
        post::post(&self.inner, closure)
    }

    /// Runs `closure` on the context, on this thread, and returns what it does: .NET's `Send`, for sync
    /// code. While another thread has the turn, this one waits for it; inside the context it runs at once.
    /// Where the context is [bound to another thread](crate::ContextThread), the closure would have to
    /// go there: that is what [`ThreadScheduler::blocking_send`] is for, and this one an error.
    ///
    /// # Panics
    ///
    /// When `closure` does.
    ///
    /// # Errors
    ///
    /// At once, and without running `closure`, where waiting would never end, or would stop other tasks:
    /// on a thread that runs async tasks it fails whenever another one has the turn, so there use
    /// [`run`](Scheduler::run) or [`post`](Scheduler::post). See [`SendError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use request_context::RequestContext;
    /// # #[tokio::main]
    /// # async fn main() {
    /// let context = RequestContext::new("ada".to_owned());
    /// let length = context.scheduler().blocking_send(|user| user.len());
    /// assert_eq!(length, Ok(3));
    /// # }
    /// ```
    pub fn blocking_send<F, R>(&self, closure: F) -> Result<R, SendError>
    where
        F: FnOnce(&S) -> R,
    {
        let header = &self.inner.header;
        if header.outstanding.is_closed() {
            return Err(SendError::Closed(header.id));
        }
        if let Some(home) = header.kind.home() {
            home.check().map_err(SendError::WrongThread)?;
        }
        let held = send::wait_for_turn(header)?;
        let result = trusted::enter(&held, false, || {
            header.around_turn(|| trusted::with_state(closure))
        });
        Ok(result.expect("entered above"))
    }

    /// Runs `work` on the context, in place, as
    /// [`RequestContext::run`](crate::RequestContext::run) does: how detached work takes up its
    /// context again.
    ///
    /// If the context is [bound to another thread](crate::ContextThread) than the one that polls the
    /// returned future, the work is polled there. It is aborted when the future is dropped; and once that
    /// thread has stopped, the future panics.
    pub fn run<W, F, T>(&self, work: W) -> Run<T>
    where
        W: Work<S, Future = F, Output = T>,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        Run::anywhere::<S, _, _>(self.inner.clone(), work)
    }

    /// This scheduler with what only contexts have that are bound to a thread, if its context is one:
    /// for a body that spawns work which is not `Send`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    /// use request_context::{ContextThread, context_block, scheduler};
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// let window = ContextThread::new(|| Rc::new(42));
    /// let spawned = window.scheduler().run(context_block!(Rc<u32>, async {
    ///     let here = scheduler!().thread_bound().expect("a `ContextThread`");
    ///     here.spawn_with(|| async { Rc::strong_count(&Rc::new(())) })
    /// }));
    /// assert_eq!(spawned.await.await.unwrap(), 1);
    /// # }
    /// ```
    pub fn thread_bound(&self) -> Option<ThreadScheduler<S>> {
        let bound = self.inner.header.kind.home().is_some();
        bound.then(|| ThreadScheduler::new(self.inner.clone()))
    }

    /// This scheduler without the type of its state.
    pub fn into_any(self) -> AnyScheduler {
        AnyScheduler { inner: self.inner }
    }
}

impl<S> Scheduler<S> {
    /// The context this puts work on.
    pub fn id(&self) -> ContextId {
        self.inner.header.id
    }
}

impl<S> Clone for Scheduler<S> {
    fn clone(&self) -> Self {
        Scheduler {
            inner: self.inner.clone(),
        }
    }
}

/// Two schedulers are equal if they are of the same context.
impl<S> PartialEq for Scheduler<S> {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl<S> Eq for Scheduler<S> {}

impl<S> Hash for Scheduler<S> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.id().hash(hasher);
    }
}

impl<S> fmt::Debug for Scheduler<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler")
            .field("context", &self.id())
            .field("state", &type_name::<S>())
            .finish()
    }
}

#[track_caller]
fn exclusive_scope(context: &Header) -> Scope {
    assert!(
        !context.kind.is_concurrent(),
        "exclusive work was spawned on {}, which is concurrent: it has no turns to exclude others from",
        context.id
    );
    context.exclusive_scope()
}

/// Puts work on a context whose state's type is not known: what [`scheduler!()`](crate::scheduler) is
/// in a bare `#[context_async]` fn. It takes bare context work and ordinary futures.
#[derive(Clone)]
pub struct AnyScheduler {
    inner: Arc<dyn Context>,
}

impl AnyScheduler {
    pub(crate) fn new(inner: Arc<dyn Context>) -> Self {
        AnyScheduler { inner }
    }

    /// Starts `work` on the context: see [`Scheduler::spawn`].
    pub fn spawn<W, F, T>(&self, work: W) -> JoinHandle<T>
    where
        W: Work<AnyState, Future = F, Output = T>,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        task::spawn::<AnyState, _, _, _>(&self.inner, self.inner.header().scope(), work)
    }

    /// Starts `work` on the context, and lets no other work of it have a turn until its end: see
    /// [`Scheduler::spawn_exclusive`].
    ///
    /// # Panics
    ///
    /// On a [`concurrent`](crate::RequestContext::concurrent) context.
    #[track_caller]
    pub fn spawn_exclusive<W, F, T>(&self, work: W) -> JoinHandle<T>
    where
        W: Work<AnyState, Future = F, Output = T>,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let scope = exclusive_scope(self.inner.header());
        task::spawn::<AnyState, _, _, _>(&self.inner, scope, work)
    }

    /// Runs `work` on the context, in place: see [`Scheduler::run`].
    pub fn run<W, F, T>(&self, work: W) -> Run<T>
    where
        W: Work<AnyState, Future = F, Output = T>,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        Run::anywhere::<AnyState, _, _>(self.inner.clone(), work)
    }

    /// The context this puts work on.
    pub fn id(&self) -> ContextId {
        self.inner.header().id
    }
}

impl fmt::Debug for AnyScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyScheduler")
            .field("context", &self.id())
            .finish()
    }
}
