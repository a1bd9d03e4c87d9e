//! The context: one allocation of header and state, and the handle that owns it.

use std::{
    any::{TypeId, type_name},
    fmt,
    future::{Future, poll_fn},
    hash::{Hash, Hasher},
    marker::PhantomData,
    ptr::NonNull,
    sync::{Arc, Weak, atomic},
    task::{self, Poll, ready},
};

use tokio::runtime::Handle;

use crate::{
    CurrentAnyContext, CurrentContext, Panicked, Run, Scheduler, Work,
    driver::{Driver, Step},
    home::Home,
    outstanding::{Outstanding, contained},
    queue::Queue,
    task::{self as work, Runnable},
    trusted::{self, OnTurn, Owner},
    turn::Turn,
    waiters::Place,
};

/// Names a context: no two of one process are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextId(u64);

impl ContextId {
    pub(crate) fn next() -> Self {
        static NEXT: atomic::AtomicU64 = atomic::AtomicU64::new(1);
        ContextId(NEXT.fetch_add(1, atomic::Ordering::Relaxed))
    }
}

impl fmt::Display for ContextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request context #{}", self.0)
    }
}

/// What all contexts have, whatever their state.
pub(crate) struct Header {
    pub(crate) id: ContextId,
    pub(crate) state_type: TypeId,
    pub(crate) state_name: fn() -> &'static str,
    /// The token of bodies that need any context.
    pub(crate) current: CurrentAnyContext<'static>,
    pub(crate) owner: Owner,
    pub(crate) kind: Kind,
    pub(crate) turn: Turn,
    pub(crate) queue: Queue<Runnable>,
    pub(crate) outstanding: Outstanding,
}

/// Where a context's work runs, and what may overlap.
pub(crate) enum Kind {
    /// On a runtime, one at a time.
    Serial(Handle),
    /// On a runtime, in parallel: the state is `Sync`, and there are no turns.
    Concurrent(Handle),
    /// On one thread, one at a time.
    Thread(Arc<Home>),
}

impl Kind {
    pub(crate) fn is_concurrent(&self) -> bool {
        matches!(self, Kind::Concurrent(_))
    }

    /// Where detached work goes that is started on the context.
    pub(crate) fn runtime(&self) -> Option<&Handle> {
        match self {
            Kind::Serial(runtime) | Kind::Concurrent(runtime) => Some(runtime),
            Kind::Thread(home) => home.pool(),
        }
    }

    /// The thread it is bound to.
    #[inline]
    pub(crate) fn home(&self) -> Option<&Arc<Home>> {
        match self {
            Kind::Serial(_) | Kind::Concurrent(_) => None,
            Kind::Thread(home) => Some(home),
        }
    }
}

/// A context's allocation. `repr(C)`: a header that states `S` is the start of an `Inner<S>`.
#[repr(C)]
pub(crate) struct Inner<S> {
    pub(crate) header: Header,
    /// The token of bodies that need state `S`.
    pub(crate) current: CurrentContext<'static, S>,
    pub(crate) state: OnTurn<S>,
}

/// A context whose state's type is not known.
pub(crate) trait Context: Send + Sync + 'static {
    fn header(&self) -> &Header;
    fn into_dyn(self: Arc<Self>) -> Arc<dyn Context>;
}

impl<S: 'static> Inner<S> {
    /// For a context whose work runs one at a time, on any thread; hence `Send`.
    fn serial(state: S, runtime: Handle) -> Arc<Self>
    where
        S: Send,
    {
        Self::new(state, Kind::Serial(runtime))
    }

    /// For a context whose work runs in parallel; hence `Sync`.
    fn concurrent(state: S, runtime: Handle) -> Arc<Self>
    where
        S: Send + Sync,
    {
        Self::new(state, Kind::Concurrent(runtime))
    }

    /// For a context that is bound to this thread, the only one that enters it.
    pub(crate) fn bound(state: S, home: Arc<Home>) -> Arc<Self> {
        assert!(home.is_here(), "a context is made on its thread");
        Self::new(state, Kind::Thread(home))
    }

    /// Only for the constructors above, which bound `S` as the kind needs it.
    fn new(state: S, kind: Kind) -> Arc<Self> {
        Arc::new_cyclic(|weak: &Weak<Self>| {
            let inner = NonNull::new(weak.as_ptr().cast_mut()).expect("an `Arc` is not null");
            let home = kind.home().cloned();
            Inner {
                header: Header {
                    id: kind
                        .home()
                        .map_or_else(ContextId::next, |home| home.context()),
                    state_type: TypeId::of::<S>(),
                    state_name: type_name::<S>,
                    current: CurrentAnyContext::of(inner),
                    owner: Owner::of(inner),
                    kind,
                    turn: Turn::new(),
                    queue: Queue::new(),
                    outstanding: Outstanding::new(),
                },
                current: CurrentContext::of(inner),
                state: OnTurn::new(state, home),
            }
        })
    }

    /// See [`RequestContext::idle`].
    pub(crate) fn idle(
        self: Arc<Self>,
    ) -> impl Future<Output = Result<(), Panicked>> + Send + use<S> {
        /// Gives the place up when the future is dropped.
        struct Waiting<S>(Arc<Inner<S>>, Option<Place>);
        impl<S> Drop for Waiting<S> {
            fn drop(&mut self) {
                self.0.header.outstanding.leave(&mut self.1);
            }
        }

        let mut waiting = Waiting(self, None);
        poll_fn(move |cx| {
            let Waiting(inner, place) = &mut waiting;
            let Header {
                id, outstanding, ..
            } = &inner.header;
            assert!(
                !trusted::runs_work_of(&inner.header),
                "`idle` was awaited by work that it waits for, spawned or posted on {id}"
            );
            let panics = ready!(outstanding.poll_idle(cx, place));
            Poll::Ready(if panics.is_empty() {
                Ok(())
            } else {
                Err(Panicked::new(*id, panics))
            })
        })
    }
}

impl<S: 'static> Context for Inner<S> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn into_dyn(self: Arc<Self>) -> Arc<dyn Context> {
        self
    }
}

/// The proof that this thread holds a context's turn, or that the context has none.
pub(crate) struct Held<'a> {
    header: &'a Header,
    /// Whether the turn ends with this, or was already held further out on this thread's stack.
    outermost: bool,
    /// A turn stays on its thread.
    not_send: PhantomData<*const ()>,
}

impl<'a> Held<'a> {
    #[inline]
    fn new(header: &'a Header, outermost: bool) -> Self {
        Held {
            header,
            outermost,
            not_send: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn header(&self) -> &'a Header {
        self.header
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.outermost {
            self.header.turn.give_back(|remains| {
                let inline = Held::new(self.header, false);
                for remains in remains {
                    // The panic has been reported by the panic hook; it must not stop the others.
                    contained(|| trusted::enter(&inline, false, || drop(remains)));
                }
            });
        }
    }
}

impl Header {
    /// The turn, if this thread has it already, or needs none.
    #[inline]
    pub(crate) fn inline(&self) -> Option<Held<'_>> {
        (self.kind.is_concurrent() || trusted::holds(self)).then(|| Held::new(self, false))
    }

    /// The turn, or a waker left at `place`. Goes in at once where this thread holds it already.
    #[inline]
    pub(crate) fn poll_turn(
        &self,
        cx: &mut task::Context<'_>,
        place: &mut Option<Place>,
    ) -> Poll<Held<'_>> {
        if let Some(held) = self.inline() {
            self.turn.leave(place);
            return Poll::Ready(held);
        }
        self.poll_next_turn(cx, place)
    }

    /// A turn that is not part of another, or a waker left at `place`.
    ///
    /// # Panics
    ///
    /// On a thread that may not enter the context.
    #[inline]
    pub(crate) fn poll_next_turn(
        &self,
        cx: &mut task::Context<'_>,
        place: &mut Option<Place>,
    ) -> Poll<Held<'_>> {
        assert!(
            self.may_be_entered_here(),
            "{} is entered on a thread that it is not bound to, or after its end",
            self.id
        );
        ready!(self.turn.poll_take(cx, place));
        Poll::Ready(Held::new(self, true))
    }

    /// Whether this thread may enter: any may, unless the context is bound to one.
    #[inline]
    pub(crate) fn may_be_entered_here(&self) -> bool {
        self.kind.home().is_none_or(|home| home.is_open_here())
    }

    /// Drops `remains` on the context: now if the turn can be had, else when it is given back.
    pub(crate) fn drop_on_context(&self, remains: impl Send + 'static) {
        if !self.may_be_entered_here() {
            // Work that ends on its thread, or drops them here if that is gone.
            return work::bury(self.current.owner(), remains);
        }
        let held = match self.inline() {
            Some(held) => held,
            None if self.turn.try_take() => Held::new(self, true),
            None => {
                if self.turn.leave_behind(Box::new(remains)) {
                    drop(Held::new(self, true));
                }
                return;
            }
        };
        trusted::enter(&held, false, || drop(remains));
    }
}

/// Queues an item of work, and starts a driver if there is none; where work runs in parallel, starts the
/// item. A runtime that has shut down drops what is started here and now, and the work with it.
pub(crate) fn enqueue(context: Arc<dyn Context>, item: Runnable) {
    let header = context.header();
    match &header.kind {
        Kind::Serial(runtime) => {
            if header.queue.push(item) {
                let runtime = runtime.clone();
                drop(runtime.spawn(Driver::new(context)));
            }
        }
        Kind::Concurrent(runtime) => {
            let runtime = runtime.clone();
            drop(runtime.spawn(Step::new(context, item)));
        }
        Kind::Thread(home) => {
            if header.queue.push(item) {
                let home = home.clone();
                home.start(Driver::new(context));
            }
        }
    }
}

/// Owns a request context, and runs work on it.
///
/// A context gives one piece of state, of type `S`, to all work that runs on it: the calls of
/// [`#[context_async(S)]`](macro@crate::context_async) fns. Its work never overlaps, though it may
/// move between threads from one await to the next, so the state needs no lock and no `Sync`; in a
/// [`concurrent`](RequestContext::concurrent) context it runs in parallel, on a `Sync` state.
/// The state is dropped with the last clone, and the last work, of its context.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use request_context::{RequestContext, context, context_async};
///
/// struct Request { user: String, queries: Cell<u32> }
///
/// #[context_async(Request)]
/// async fn greeting() -> String {
///     let request = context!();
///     request.queries.set(request.queries.get() + 1);
///     format!("hello, {}", request.user)
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// let context = RequestContext::new(Request { user: "ada".into(), queries: Cell::new(0) });
/// assert_eq!(context.run(greeting()).await, "hello, ada");
/// # }
/// ```
pub struct RequestContext<S> {
    inner: Arc<Inner<S>>,
}

impl<S: Send + 'static> RequestContext<S> {
    /// A new context with this state. What is spawned on it runs on the current tokio runtime.
    ///
    /// # Panics
    ///
    /// Off a tokio runtime, as [`tokio::spawn`] does.
    #[track_caller]
    pub fn new(state: S) -> Self {
        RequestContext {
            inner: Inner::serial(state, current_runtime("new")),
        }
    }

    /// A new context whose work runs in parallel, on a state that is `Sync`: the same calls, and nothing
    /// serialised. Posted closures may run in any order.
    ///
    /// # Panics
    ///
    /// Off a tokio runtime, as [`tokio::spawn`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use request_context::{RequestContext, context, context_async};
    ///
    /// #[context_async(AtomicU32)]
    /// async fn count() -> u32 {
    ///     context!().fetch_add(1, Ordering::Relaxed)
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// let context = RequestContext::concurrent(AtomicU32::new(0));
    /// let scheduler = context.scheduler();
    /// let (first, second) = tokio::join!(scheduler.spawn(count()), scheduler.spawn(count()));
    /// assert_eq!(first.unwrap() + second.unwrap(), 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn concurrent(state: S) -> Self
    where
        S: Sync,
    {
        RequestContext {
            inner: Inner::concurrent(state, current_runtime("concurrent")),
        }
    }

    /// Runs `work` on this context, in place: it is polled by whoever polls the returned future.
    ///
    /// While another thread has the turn, the returned future waits for it. On the context itself
    /// (inside work that runs on it) it goes in at once.
    ///
    /// # Panics
    ///
    /// When `work` does. The context stays usable.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `work`, on the context.
    ///
    /// # Examples
    ///
    /// ```
    /// use request_context::{RequestContext, context, context_async};
    ///
    /// #[context_async(u32)]
    /// async fn doubled() -> u32 {
    ///     2 * *context!()
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// assert_eq!(RequestContext::new(21).run(doubled()).await, 42);
    /// # }
    /// ```
    pub fn run<W, F, T>(&self, work: W) -> Run<T>
    where
        W: Work<S, Future = F, Output = T>,
        F: Future<Output = T> + Send + 'static,
        T: 'static,
    {
        Run::new::<S, _, _>(self.inner.clone(), work)
    }

    /// The scheduler built from this context: what spawns and posts work on it.
    pub fn scheduler(&self) -> Scheduler<S> {
        Scheduler::new(self.inner.clone())
    }

    /// Waits until all work spawned and posted on this context has ended.
    ///
    /// May be awaited by many, and again: work that comes later is waited for by later calls.
    /// [`run`](RequestContext::run) and detached work are not waited for.
    ///
    /// # Errors
    ///
    /// The panics, since the last call, of work whose [`JoinHandle`](crate::JoinHandle) did not take
    /// them. Of many waiters one gets them.
    ///
    /// # Panics
    ///
    /// When spawned or posted work of this very context awaits it: it would wait for itself.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the returned future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use request_context::RequestContext;
    /// # #[tokio::main]
    /// # async fn main() {
    /// let context = RequestContext::new(());
    /// drop(context.scheduler().post(|_| panic!("lost")));
    /// let panicked = context.idle().await.unwrap_err();
    /// assert_eq!(panicked.messages().collect::<Vec<_>>(), ["lost"]);
    /// context.idle().await.unwrap();
    /// # }
    /// ```
    pub fn idle(&self) -> impl Future<Output = Result<(), Panicked>> + Send + use<S> {
        self.inner.clone().idle()
    }
}

impl<S> RequestContext<S> {
    /// Lets no more work be spawned, posted or sent: each such piece is dropped unexecuted, and its
    /// handle resolves to an error that [is closed](crate::JoinError::is_closed), also through handles
    /// that outlive the request.
    ///
    /// What was accepted before goes on, and [`idle`](RequestContext::idle) waits for it.
    /// [`run`](RequestContext::run) starts nothing that outlives its caller, and still works.
    ///
    /// # Examples
    ///
    /// ```
    /// # use request_context::RequestContext;
    /// # #[tokio::main]
    /// # async fn main() {
    /// let context = RequestContext::new(());
    /// let scheduler = context.scheduler();
    /// context.close();
    /// let error = scheduler.post(|_| unreachable!()).await.unwrap_err();
    /// assert!(error.is_closed());
    /// # }
    /// ```
    pub fn close(&self) {
        self.inner.header.outstanding.close();
    }

    /// Whether [`close`](RequestContext::close) was called.
    pub fn is_closed(&self) -> bool {
        self.inner.header.outstanding.is_closed()
    }

    /// This context's name, for logs.
    pub fn id(&self) -> ContextId {
        self.inner.header.id
    }
}

#[track_caller]
fn current_runtime(caller: &str) -> Handle {
    match Handle::try_current() {
        Ok(runtime) => runtime,
        Err(error) => panic!(
            "`RequestContext::{caller}` was called off a tokio runtime, and would have nowhere to run \
             what is spawned on it; call it in `#[tokio::main]`, `#[tokio::test]` or after \
             `Runtime::enter` ({error})"
        ),
    }
}

/// Runs `work` on `context` and awaits its output: the same as [`RequestContext::run`].
///
/// # Examples
///
/// ```
/// # use request_context::{RequestContext, run_on_context};
/// # #[tokio::main]
/// # async fn main() {
/// let context = RequestContext::new(());
/// assert_eq!(run_on_context(&context, async { 42 }).await, 42);
/// # }
/// ```
pub fn run_on_context<S, W, F, T>(context: &RequestContext<S>, work: W) -> Run<T>
where
    S: Send + 'static,
    W: Work<S, Future = F, Output = T>,
    F: Future<Output = T> + Send + 'static,
    T: 'static,
{
    context.run(work)
}

impl<S> Clone for RequestContext<S> {
    /// Another owner of the same context.
    fn clone(&self) -> Self {
        RequestContext {
            inner: self.inner.clone(),
        }
    }
}

/// Two handles are equal if they own the same context.
impl<S> PartialEq for RequestContext<S> {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl<S> Eq for RequestContext<S> {}

impl<S> Hash for RequestContext<S> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.id().hash(hasher);
    }
}

impl<S> fmt::Debug for RequestContext<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header {
            id,
            turn,
            outstanding,
            ..
        } = &self.inner.header;
        f.debug_struct("RequestContext")
            .field("id", id)
            .field("state", &type_name::<S>())
            .field("turn", turn)
            .field("outstanding", outstanding)
            .finish()
    }
}
