//! The context: one allocation of header and state, and the handle that owns it.

use std::{
    any::{TypeId, type_name},
    cell::Cell,
    fmt,
    future::{Future, poll_fn},
    hash::{Hash, Hasher},
    marker::PhantomData,
    ptr::NonNull,
    sync::{Arc, OnceLock, Weak, atomic},
    task::{self, Poll, ready},
};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::{
    Builder, CurrentAnyContext, CurrentContext, Panicked, Run, Scheduler, Work,
    exclusive::Scope,
    family::Family,
    home::Home,
    outstanding::{Counted, Outstanding, contained},
    queue::Queue,
    rare::Rare,
    settings::Settings,
    task::{self as work, Runnable},
    trusted::{self, OnTurn},
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
///
/// `repr(C)`, so that the rest lies between what a post looks at, which comes first, and the state, to which
/// another processor writes meanwhile.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) id: ContextId,
    pub(crate) kind: Kind,
    pub(crate) queue: Queue<Runnable, Arc<dyn Context>>,
    pub(crate) outstanding: Outstanding,
    pub(crate) rare: OnceLock<Box<Rare>>,
    /// This context: what new owners are made from.
    pub(crate) this: Weak<dyn Context>,
    /// How many handles there are that can cancel it.
    owners: atomic::AtomicUsize,
    pub(crate) state_type: TypeId,
    /// The token of bodies that need any context.
    pub(crate) current: CurrentAnyContext<'static>,
    pub(crate) turn: Turn,
}

/// Where a context comes from.
#[derive(Default)]
pub(crate) struct Origin {
    pub(crate) settings: Option<Arc<Settings>>,
    pub(crate) cancelled_by: Option<CancellationToken>,
    pub(crate) parent: Option<Arc<dyn Context>>,
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
    #[inline]
    pub(crate) fn is_concurrent(&self) -> bool {
        matches!(self, Kind::Concurrent(_))
    }

    /// That of a fork, whose work runs in parallel to that of its parent. `None` without a runtime.
    pub(crate) fn of_fork(&self) -> Option<Kind> {
        Some(match self {
            Kind::Serial(runtime) => Kind::Serial(runtime.clone()),
            Kind::Concurrent(runtime) => Kind::Concurrent(runtime.clone()),
            Kind::Thread(home) => Kind::Serial(home.pool()?.clone()),
        })
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
    fn state_name(&self) -> &'static str;
}

impl<S: 'static> Inner<S> {
    /// For a context whose work runs one at a time, on any thread; hence `Send`.
    pub(crate) fn serial(state: S, runtime: Handle, origin: Origin) -> Arc<Self>
    where
        S: Send,
    {
        Self::new(state, Kind::Serial(runtime), origin)
    }

    /// For a context whose work runs in parallel; hence `Sync`.
    pub(crate) fn concurrent(state: S, runtime: Handle, origin: Origin) -> Arc<Self>
    where
        S: Send + Sync,
    {
        Self::new(state, Kind::Concurrent(runtime), origin)
    }

    /// For a child of a context with state `S`, of the same kind.
    pub(crate) fn forked(state: S, kind: Kind, origin: Origin) -> Arc<Self>
    where
        S: Send,
    {
        Self::new(state, kind, origin)
    }

    /// For a context that is bound to this thread, the only one that enters it.
    pub(crate) fn bound(state: S, home: Arc<Home>, origin: Origin) -> Arc<Self> {
        assert!(home.is_here(), "a context is made on its thread");
        Self::new(state, Kind::Thread(home), origin)
    }

    /// Only for the constructors above, which bound `S` as the kind needs it.
    fn new(state: S, kind: Kind, origin: Origin) -> Arc<Self> {
        let Origin {
            settings,
            cancelled_by,
            parent,
        } = origin;
        let rare = OnceLock::new();
        if settings.is_some() || parent.is_some() {
            let family = parent.as_ref().map(Family::of_child).unwrap_or_default();
            let made = Rare {
                settings,
                family,
                ..Rare::default()
            };
            rare.get_or_init(|| Box::new(made));
        }
        let inner = Arc::new_cyclic(|weak: &Weak<Self>| {
            let inner = NonNull::new(weak.as_ptr().cast_mut()).expect("an `Arc` is not null");
            let home = kind.home().cloned();
            Inner {
                header: Header {
                    id: kind
                        .home()
                        .map_or_else(ContextId::next, |home| home.context()),
                    state_type: TypeId::of::<S>(),
                    current: CurrentAnyContext::of(inner),
                    this: weak.clone(),
                    kind,
                    turn: Turn::new(),
                    queue: Queue::new(),
                    outstanding: Outstanding::new(),
                    rare,
                    owners: atomic::AtomicUsize::new(0),
                },
                current: CurrentContext::of(inner),
                state: OnTurn::new(state, home),
            }
        });
        let header = &inner.header;
        if let Some(token) = cancelled_by {
            header.token(Some(&token));
            if parent.is_none() {
                header.may_be_cancelled();
            }
        }
        if parent.is_some() {
            Family::adopt(header);
        }
        inner
    }

    /// See [`RequestContext::idle`].
    pub(crate) fn idle(
        self: Arc<Self>,
    ) -> impl Future<Output = Result<(), Panicked>> + Send + use<S> {
        /// Gives the place up when the future is dropped.
        struct AtPlace<S>(Arc<Inner<S>>, Option<Place>);
        impl<S> Drop for AtPlace<S> {
            fn drop(&mut self) {
                self.0.header.outstanding.leave(&mut self.1);
            }
        }

        let mut waiting = AtPlace(self, None);
        poll_fn(move |cx| {
            let AtPlace(inner, place) = &mut waiting;
            let header = &inner.header;
            let id = header.id;
            assert!(
                !trusted::runs_work_of(id),
                "`idle` was awaited by work that it waits for, spawned or posted on {id}"
            );
            ready!(header.outstanding.poll_idle(cx, place));
            let failures = header.outstanding.take_failures();
            Poll::Ready(if failures.is_empty() {
                Ok(())
            } else {
                Err(Panicked::new(id, header.name(), failures))
            })
        })
    }
}

impl<S: 'static> Context for Inner<S> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn state_name(&self) -> &'static str {
        type_name::<S>()
    }
}

/// The proof that this thread holds a context's turn, or that the context has none.
pub(crate) struct Held<'a> {
    header: &'a Header,
    /// The turn that ends with this; none if it was already held further out on this thread's stack, or
    /// there is none. No flag, whose padding would make moves of this slow.
    owed: Option<&'a Turn>,
    /// Outstanding work that ended in it. It is over with this.
    ended: Cell<usize>,
    /// A turn stays on its thread.
    not_send: PhantomData<*const ()>,
}

impl<'a> Held<'a> {
    #[inline]
    fn new(header: &'a Header, outermost: bool) -> Self {
        Held {
            header,
            owed: outermost.then_some(&header.turn),
            ended: Cell::new(0),
            not_send: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn header(&self) -> &'a Header {
        self.header
    }

    /// Runs `work` in the turn, which was taken without a look at exclusive work.
    pub(crate) fn enter_unadmitted<R>(&self, work: impl FnOnce() -> R) -> R {
        let work = || trusted::enter(self, false, work);
        if self.owed.is_some() {
            self.header.outside_of_scopes(work)
        } else {
            work()
        }
    }

    #[inline]
    pub(crate) fn add_ended(&self, ended: usize) {
        self.ended.set(self.ended.get() + ended);
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(turn) = self.owed {
            turn.give_back(|remains| {
                let inline = Held::new(self.header, false);
                for remains in remains {
                    // The panic has been reported by the panic hook; it must not stop the others.
                    let bury = || trusted::enter(&inline, false, || drop(remains));
                    contained(|| self.header.outside_of_scopes(bury));
                }
            });
        }
        let ended = self.ended.get();
        if ended != 0 {
            self.header.end(ended);
        }
    }
}

/// Where a future waits for a turn.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// For the turn itself.
    turn: Option<Place>,
    /// For the end of exclusive work.
    exclusive: Option<Place>,
}

impl Waiting {
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.turn.is_none() && self.exclusive.is_none()
    }
}

impl Header {
    /// One more owner of this context, of which the caller knows another.
    pub(crate) fn owner(&self) -> Arc<dyn Context> {
        let owner = self.this.upgrade();
        owner.expect("whoever puts work on a context owns it, as does work on it")
    }

    /// One more handle that can cancel.
    pub(crate) fn add_owner(&self) {
        // ORDERING: Relaxed, as for any count that only grows by one who has a part in it.
        self.owners.fetch_add(1, atomic::Ordering::Relaxed);
    }

    pub(crate) fn remove_owner(&self) {
        // ORDERING: Relaxed. What follows has a fence, and is for the last one only.
        if self.owners.fetch_sub(1, atomic::Ordering::Relaxed) == 1 {
            self.out_of_reach();
        }
    }

    pub(crate) fn has_owners(&self) -> bool {
        self.owners.load(atomic::Ordering::Relaxed) != 0
    }

    /// The turn, if this thread has it already, or needs none.
    #[inline]
    pub(crate) fn inline(&self) -> Option<Held<'_>> {
        (self.kind.is_concurrent() || trusted::holds(self)).then(|| Held::new(self, false))
    }

    /// The turn, or a waker left where `waiting` says. Goes in at once where this thread holds it already.
    #[inline]
    pub(crate) fn poll_turn(
        &self,
        cx: &mut task::Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Held<'_>> {
        if let Some(held) = self.inline() {
            self.leave(waiting);
            return Poll::Ready(held);
        }
        self.poll_next_turn(cx, waiting)
    }

    /// A turn that is not part of another, or a waker left where `waiting` says.
    ///
    /// # Panics
    ///
    /// On a thread that may not enter the context.
    #[inline]
    pub(crate) fn poll_next_turn(
        &self,
        cx: &mut task::Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Held<'_>> {
        assert!(
            self.may_be_entered_here(),
            "{} is entered on a thread that it is not bound to, or after its end",
            self.id
        );
        ready!(self.turn.poll_take(cx, &mut waiting.turn));
        Poll::Ready(Held::new(self, true))
    }

    /// Whether this thread may enter: any may, unless the context is bound to one.
    #[inline]
    pub(crate) fn may_be_entered_here(&self) -> bool {
        self.kind.home().is_none_or(|home| home.is_open_here())
    }

    /// As [`poll_admitted`](Header::poll_admitted) where nothing is in the way, which is what most polls
    /// are: nobody has the turn, and no exclusive work lasts. `None` says no more than that something may be.
    #[inline]
    pub(crate) fn try_admitted(&self, waiting: &Waiting) -> Option<Held<'_>> {
        let is_plain = matches!(self.kind, Kind::Serial(_)) && waiting.is_none();
        if !is_plain || trusted::holds(self) || !self.turn.try_take() {
            return None;
        }
        let held = Held::new(self, true);
        // Looked at in the turn: exclusive work that lasts has begun in an earlier one.
        (!self.is_exclusive()).then_some(held)
    }

    /// As [`poll_turn`](Header::poll_turn), for work that does not come from the queue: the turn, unless
    /// exclusive work keeps `scope` out of it.
    pub(crate) fn poll_admitted(
        &self,
        scope: Scope,
        cx: &mut task::Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Held<'_>> {
        let held = ready!(self.poll_turn(cx, waiting));
        if held.owed.is_some() && !self.admits(|| scope) {
            self.wait_for_end(cx, &mut waiting.exclusive);
            return Poll::Pending;
        }
        self.leave_end(&mut waiting.exclusive);
        Poll::Ready(held)
    }

    /// Waits no longer.
    #[inline]
    pub(crate) fn leave(&self, waiting: &mut Waiting) {
        self.turn.leave(&mut waiting.turn);
        self.leave_end(&mut waiting.exclusive);
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
        held.enter_unadmitted(|| drop(remains));
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

impl<S> RequestContext<S> {
    pub(crate) fn of(inner: Arc<Inner<S>>) -> Self {
        inner.header.add_owner();
        RequestContext { inner }
    }
}

impl<S: Send + 'static> RequestContext<S> {
    /// A new context with this state. What is spawned on it runs on the current tokio runtime.
    ///
    /// # Panics
    ///
    /// Off a tokio runtime, as [`tokio::spawn`] does.
    #[track_caller]
    pub fn new(state: S) -> Self {
        let runtime = current_runtime("new");
        RequestContext::of(Inner::serial(state, runtime, Origin::default()))
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
        let runtime = current_runtime("concurrent");
        RequestContext::of(Inner::concurrent(state, runtime, Origin::default()))
    }

    /// Makes a context with settings: a runtime, a name, a budget, hooks, a token that cancels it.
    pub fn builder() -> Builder<S> {
        Builder::new()
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
        self.inner.header.close();
    }

    /// Whether [`close`](RequestContext::close) was called.
    pub fn is_closed(&self) -> bool {
        self.inner.header.outstanding.is_closed()
    }

    /// What names this context in logs.
    pub fn id(&self) -> ContextId {
        self.inner.header.id
    }

    /// The name that its builder gave it.
    pub fn name(&self) -> Option<&str> {
        self.inner.header.name()
    }
}

impl<S: Send + 'static> RequestContext<S> {
    /// Cancels this context: its spawned and posted work is dropped, on the context, at the suspension
    /// where it stands, or before it starts; its handles resolve to an error that
    /// [is cancelled](crate::JoinError::is_cancelled). So does what is spawned later.
    ///
    /// [`run`](RequestContext::run) belongs to its caller and goes on; with
    /// [the token](RequestContext::cancellation_token) it can ask. Contexts forked from this one are
    /// cancelled with it, and not the other way round.
    ///
    /// # Examples
    ///
    /// ```
    /// # use request_context::RequestContext;
    /// # #[tokio::main]
    /// # async fn main() {
    /// let context = RequestContext::new(());
    /// let never = context.scheduler().spawn(std::future::pending::<()>());
    /// context.cancel();
    /// assert!(never.await.unwrap_err().is_cancelled());
    /// context.idle().await.unwrap();
    /// # }
    /// ```
    pub fn cancel(&self) {
        self.inner.header.cancel();
    }

    /// A token that is cancelled with this context, and that cancels it.
    pub fn cancellation_token(&self) -> CancellationToken {
        self.inner.header.hand_out_token()
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
        RequestContext::of(self.inner.clone())
    }
}

impl<S> Drop for RequestContext<S> {
    fn drop(&mut self) {
        self.inner.header.remove_owner();
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
        let header = &self.inner.header;
        f.debug_struct("RequestContext")
            .field("id", &header.id)
            .field("name", &self.name())
            .field("state", &type_name::<S>())
            .field("cancelled", &header.is_cancelled())
            .field("suspended", &header.suspended())
            .field("turn", &header.turn)
            .field("outstanding", &Counted::of(header))
            .finish()
    }
}
