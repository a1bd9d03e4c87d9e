//! Contexts that are bound to one thread.

use std::{
    any::type_name,
    error::Error,
    fmt,
    future::Future,
    io,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, mpsc},
    task::{self, Poll, Waker, ready},
    thread::{Builder, ThreadId},
};

use tokio::{
    runtime::{self, Handle, Runtime},
    sync::oneshot::{self, error::TryRecvError},
};

use tokio_util::sync::CancellationToken;

use crate::{
    ContextId, Dispatch, JoinHandle, Panicked, Scheduler, SendError, Work, WrongThread,
    context::{Inner, Origin, Waiting},
    home::Home,
    join::is_async_worker,
    outstanding::{Counted, Failure, Payload, discard, failure},
    send::send_home,
    task::{Kind, start},
    trusted::{self, Root},
    waiters::Place,
};

/// Owns a context that is bound to one thread: its state and its futures need not be `Send`, and are made,
/// used and dropped on that thread alone. What a window is in WinForms and WPF.
///
/// Everything else is as in a [`RequestContext`](crate::RequestContext): work never overlaps, and
/// context fns with state `S` run on it. Its [`scheduler`](ContextThread::scheduler) is `Send`, and puts
/// work on it from anywhere.
///
/// There is one owner. When it is dropped, the context is closed, and it ends when the work that was
/// accepted has: with its state, and with its thread, if [`new`](ContextThread::new) made one.
/// [`stop`](ContextThread::stop) waits for that.
///
/// # Examples
///
/// ```
/// use std::{cell::RefCell, rc::Rc, time::Duration};
/// use request_context::{ContextThread, context, context_async};
///
/// struct Window { title: Rc<RefCell<String>> }
///
/// #[context_async(Window)]
/// async fn load(id: u32) -> usize {
///     tokio::time::sleep(Duration::from_millis(1)).await;
///     let title = context!().title.clone();          // an `Rc`, and no lock
///     title.borrow_mut().push_str(&format!("row {id}"));
///     context!().title.borrow().len()
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// let window = ContextThread::new(|| Window { title: Rc::default() });
/// assert_eq!(window.scheduler().run(load(7)).await, 5);
/// window.stop().await.unwrap();
/// # }
/// ```
pub struct ContextThread<S: 'static> {
    inner: Arc<Inner<S>>,
    life: Life,
}

/// How the context ends.
enum Life {
    /// Its own thread lives until this sender is dropped.
    Thread {
        stop: Option<oneshot::Sender<()>>,
        outcome: Option<oneshot::Receiver<Outcome>>,
    },
    /// A loop's thread lives on, and ends the context on demand.
    Loop { is_stopping: bool },
}

type Outcome = Result<(), StopError>;

impl<S: 'static> ContextThread<S> {
    /// Starts a thread, and makes a context of it, whose state `make` returns there. Waits for that.
    ///
    /// The thread runs a tokio runtime, so timers and IO work, in `make` too. Detached work goes to the
    /// runtime that is current here, or to the one on the thread if there is none.
    ///
    /// # Panics
    ///
    /// When `make` does. And when the system has no thread, or no resources for a runtime, to give.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use request_context::ContextThread;
    ///
    /// let counter = ContextThread::new(|| Rc::new(Cell::new(41)));
    /// let counted = counter.scheduler().blocking_send(|count| {
    ///     count.set(count.get() + 1);
    ///     count.get()
    /// });
    /// assert_eq!(counted, Ok(42));
    /// counter.blocking_stop().unwrap();
    /// ```
    #[track_caller]
    pub fn new(make: impl FnOnce() -> S + Send + 'static) -> Self {
        ContextThread::start(make, Handle::try_current().ok(), Origin::default())
    }

    #[track_caller]
    pub(crate) fn start(
        make: impl FnOnce() -> S + Send + 'static,
        pool: Option<Handle>,
        origin: Origin,
    ) -> Self {
        let thread = Builder::new().name(thread_name(&origin));
        let (made, is_made) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let (end, outcome) = oneshot::channel();
        let live = move || {
            let (runtime, state) = match make_here(make) {
                Ok(it) => it,
                Err(error) => {
                    drop(made.send(Err(error)));
                    // Hooks are foreign code.
                    return discard(origin);
                }
            };
            let handle = runtime.handle().clone();
            let pool = pool.unwrap_or_else(|| handle.clone());
            let inner = Inner::bound(state, Home::of_runtime(handle, Some(pool)), origin);
            // Sent before work is run: who waits for it must not be kept by work that blocks.
            drop(made.send(Ok(inner.clone())));
            // Sent or dropped, it is time to stop.
            let outcome = live_until(runtime, &inner, async move { drop(stopped.await) });
            drop(end.send(outcome));
        };
        if let Err(error) = thread.spawn(live) {
            panic!("no thread for a `ContextThread`: {error}");
        }
        match is_made.recv() {
            Ok(Ok(inner)) => ContextThread::of(
                inner,
                Life::Thread {
                    stop: Some(stop),
                    outcome: Some(outcome),
                },
            ),
            Ok(Err(NotMade::Panic(payload))) => resume_unwind(payload),
            Ok(Err(NotMade::Io(error))) => panic!("no runtime for a `ContextThread`: {error}"),
            Err(_) => unreachable!("the thread sends whatever happens"),
        }
    }

    /// Makes a context of this thread, which runs an event loop that `dispatch` leads to.
    ///
    /// If there is a tokio runtime here now, its timers and IO work in the context, and detached work goes
    /// to it.
    ///
    /// Dropped on this thread, between turns and without work, the context ends at once; else by a job of
    /// the loop. If the loop is gone by then, the state is leaked, which is reported on stderr.
    ///
    /// See [`Dispatch`] for an example.
    pub fn on_loop(dispatch: impl Dispatch, state: S) -> Self {
        ContextThread::join_loop(
            dispatch,
            state,
            Handle::try_current().ok(),
            Origin::default(),
        )
    }

    pub(crate) fn join_loop(
        dispatch: impl Dispatch,
        state: S,
        pool: Option<Handle>,
        origin: Origin,
    ) -> Self {
        let home = Home::of_loop(Arc::new(dispatch), pool);
        ContextThread::of(
            Inner::bound(state, home, origin),
            Life::Loop { is_stopping: false },
        )
    }

    /// Makes such a context with settings: a name, a budget, hooks, a token that cancels it, a runtime for detached
    /// work.
    pub fn builder() -> crate::Builder<S> {
        crate::Builder::new()
    }

    fn of(inner: Arc<Inner<S>>, life: Life) -> Self {
        inner.header.add_owner();
        ContextThread { inner, life }
    }

    /// The scheduler of this context.
    pub fn scheduler(&self) -> ThreadScheduler<S> {
        ThreadScheduler::new(self.inner.clone())
    }

    /// The thread this context is bound to.
    pub fn thread_id(&self) -> ThreadId {
        self.home().thread()
    }

    /// What names this context in logs.
    pub fn id(&self) -> ContextId {
        self.inner.header.id
    }

    /// The name that its builder gave it.
    pub fn name(&self) -> Option<&str> {
        self.inner.header.name()
    }

    /// Lets no more work be spawned, posted or sent: see
    /// [`RequestContext::close`](crate::RequestContext::close).
    pub fn close(&self) {
        self.inner.header.close();
    }

    /// Whether [`close`](ContextThread::close) was called.
    pub fn is_closed(&self) -> bool {
        self.inner.header.outstanding.is_closed()
    }

    /// Cancels this context: see [`RequestContext::cancel`](crate::RequestContext::cancel).
    pub fn cancel(&self) {
        self.inner.header.cancel();
    }

    /// A token that is cancelled with this context, and that cancels it.
    pub fn cancellation_token(&self) -> CancellationToken {
        self.inner.header.hand_out_token()
    }

    /// Waits until all work spawned and posted on this context has ended: see
    /// [`RequestContext::idle`](crate::RequestContext::idle). Here that includes what another thread
    /// [runs](Scheduler::run) on it.
    ///
    /// # Errors
    ///
    /// The panics, since the last call, of work whose [`JoinHandle`] did not take them.
    ///
    /// # Panics
    ///
    /// When work of this very context awaits it: it would wait for itself.
    pub fn idle(&self) -> impl Future<Output = Result<(), Panicked>> + Send + use<S> {
        self.inner.clone().idle()
    }

    /// Closes the context at once; the returned future is ready when the work that was accepted has ended,
    /// and the state has been dropped, on its thread.
    ///
    /// Work that does not end is waited for: abort it first. What else is left on a thread that
    /// [`new`](ContextThread::new) made, such as tasks of its runtime, is dropped there.
    ///
    /// # Errors
    ///
    /// The panics of work whose handle did not take them, and then that of the state's `Drop`. Or that the
    /// state was leaked: by a loop that is gone, or because a [`run`](Scheduler::run) that had begun on
    /// the thread has got away from it.
    ///
    /// # Panics
    ///
    /// When spawned or posted work of this very context awaits it: it would wait for itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future leaves the context to stop without being waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// use request_context::{ContextThread, StopError};
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// let window = ContextThread::new(|| ());
    /// drop(window.scheduler().post(|_| panic!("lost")));
    /// match window.stop().await {
    ///     Err(StopError::Panicked(panicked)) => assert!(panicked.messages().eq(["lost"])),
    ///     other => unreachable!("{other:?}"),
    /// }
    /// # }
    /// ```
    pub fn stop(mut self) -> impl Future<Output = Result<(), StopError>> + Send + use<S> {
        let outcome = self.begin_stop();
        let inner = self.inner.clone();
        let checked = std::future::poll_fn(move |_| {
            assert!(
                !trusted::runs_work_of(inner.header.id),
                "`stop` was awaited by work that it waits for, spawned or posted on {}",
                inner.header.id
            );
            Poll::Ready(inner.header.id)
        });
        async move {
            let id = checked.await;
            // Dropped unsent by a loop that is gone.
            outcome.await.unwrap_or(Err(StopError::Leaked(id)))
        }
    }

    /// [`stop`](ContextThread::stop) for sync code.
    ///
    /// # Errors
    ///
    /// As [`stop`](ContextThread::stop).
    ///
    /// # Panics
    ///
    /// On the context's own thread, unless it has ended by then, as it would wait for itself; and on a
    /// thread that runs async tasks. The context stops nevertheless.
    #[track_caller]
    pub fn blocking_stop(mut self) -> Result<(), StopError> {
        let id = self.id();
        let mut outcome = self.begin_stop();
        if self.home().is_here() {
            return match outcome.try_recv() {
                Ok(outcome) => outcome,
                Err(TryRecvError::Closed) => Err(StopError::Leaked(id)),
                Err(TryRecvError::Empty) => panic!(
                    "`blocking_stop` was called on the thread that {id} ends on; `.await` its `stop`"
                ),
            };
        }
        assert!(
            !is_async_worker(),
            "`blocking_stop` of {id} would stop other tasks: this thread runs async tasks; `.await` its \
             `stop`, or call it in `spawn_blocking`"
        );
        pollster::block_on(outcome).unwrap_or(Err(StopError::Leaked(id)))
    }

    fn home(&self) -> &Arc<Home> {
        let home = self.inner.header.kind.home();
        home.expect("made for a bound context")
    }

    /// Closes the context, and has it end when its work has. Called once.
    fn begin_stop(&mut self) -> oneshot::Receiver<Outcome> {
        self.close();
        match &mut self.life {
            Life::Thread { stop, outcome } => {
                drop(stop.take());
                outcome.take().expect("only taken here")
            }
            Life::Loop { is_stopping } => {
                *is_stopping = true;
                let (end, outcome) = oneshot::channel();
                let mut stopping = Box::pin(end_on_loop(self.inner.clone(), end));
                let home = self.home();
                let mut now = task::Context::from_waker(Waker::noop());
                if !(home.is_here() && stopping.as_mut().poll(&mut now).is_ready()) {
                    home.start(stopping);
                }
                outcome
            }
        }
    }
}

impl<S: 'static> Drop for ContextThread<S> {
    fn drop(&mut self) {
        let has_begun = match &self.life {
            Life::Thread { stop, .. } => stop.is_none(),
            Life::Loop { is_stopping } => *is_stopping,
        };
        if !has_begun {
            drop(self.begin_stop());
        }
        self.inner.header.remove_owner();
    }
}

impl<S> fmt::Debug for ContextThread<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextThread")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("state", &type_name::<S>())
            .field("thread", &self.thread_id())
            .field("outstanding", &Counted::of(&self.inner.header))
            .finish()
    }
}

/// Why there is no context on the thread.
enum NotMade {
    Io(io::Error),
    Panic(Payload),
}

/// What the thread of a context is called: a name of a thread holds no zero byte.
fn thread_name(origin: &Origin) -> String {
    let settings = origin.settings.as_ref();
    let name = settings.and_then(|settings| settings.name.as_deref());
    let name = name.filter(|name| !name.contains('\0'));
    name.unwrap_or("request-context").to_owned()
}

/// The runtime of this thread, and the state that is made on it.
fn make_here<S>(make: impl FnOnce() -> S) -> Result<(Runtime, S), NotMade> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(NotMade::Io)?;
    let state = {
        let _entered = runtime.enter();
        catch_unwind(AssertUnwindSafe(make)).map_err(NotMade::Panic)?
    };
    Ok((runtime, state))
}

/// The life of a context on its own thread.
fn live_until<S: 'static>(
    runtime: Runtime,
    inner: &Arc<Inner<S>>,
    stopped: impl Future<Output = ()>,
) -> Outcome {
    let outstanding = &inner.header.outstanding;
    runtime.block_on(async {
        stopped.await;
        let mut place = None;
        std::future::poll_fn(|cx| outstanding.poll_idle(cx, &mut place)).await;
    });
    let panics = outstanding.take_failures();
    let handle = runtime.handle().clone();
    // Drops what is left of its tasks, and does not wait for closures that block.
    runtime.shutdown_background();
    let _entered = handle.enter();
    end(inner, panics)
}

/// The end of a context on a loop's thread, between turns.
async fn end_on_loop<S: 'static>(inner: Arc<Inner<S>>, outcome: oneshot::Sender<Outcome>) {
    /// Gives the places up when the future is dropped.
    struct Places<'a, S> {
        inner: &'a Inner<S>,
        idle: Option<Place>,
        turn: Waiting,
    }

    impl<S> Drop for Places<'_, S> {
        fn drop(&mut self) {
            let header = &self.inner.header;
            header.outstanding.leave(&mut self.idle);
            header.leave(&mut self.turn);
        }
    }

    let mut panics = Vec::new();
    let mut places = Places {
        inner: &inner,
        idle: None,
        turn: Waiting::default(),
    };
    let ended = std::future::poll_fn(|cx| {
        let header = &inner.header;
        ready!(header.outstanding.poll_idle(cx, &mut places.idle));
        panics.extend(header.outstanding.take_failures());
        let home = header.kind.home().expect("made for a bound context");
        ready!(home.poll_unused(cx));
        // A loop may be run within a turn, and this by it.
        let turn = ready!(header.poll_next_turn(cx, &mut places.turn));
        drop(turn);
        Poll::Ready(end(&inner, std::mem::take(&mut panics)))
    });
    let ended = ended.await;
    drop(outcome.send(ended));
}

/// Ends a context on its thread.
fn end<S: 'static>(inner: &Inner<S>, mut panics: Vec<Failure>) -> Outcome {
    let id = inner.header.id;
    match catch_unwind(AssertUnwindSafe(|| trusted::end(inner))) {
        Ok(true) => {}
        Ok(false) => return Err(StopError::Leaked(id)),
        Err(payload) => panics.push(failure(payload)),
    }
    if panics.is_empty() {
        Ok(())
    } else {
        let name = inner.header.name();
        Err(StopError::Panicked(Panicked::new(id, name, panics)))
    }
}

/// What went wrong until a [`ContextThread`] had stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum StopError {
    /// Work panicked, and no handle took it; or the state's `Drop` did.
    Panicked(Panicked),
    /// The state could not be dropped on its thread, and never is.
    Leaked(ContextId),
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopError::Panicked(panicked) => panicked.fmt(f),
            StopError::Leaked(context) => write!(
                f,
                "the state of {context} was leaked, as it could not be dropped on its thread"
            ),
        }
    }
}

impl Error for StopError {}

/// The scheduler of a context that is bound to a thread: a [`Scheduler`] that can also spawn work which is
/// not `Send`, and reach the state directly on its thread.
pub struct ThreadScheduler<S: 'static> {
    scheduler: Scheduler<S>,
}

impl<S: 'static> ThreadScheduler<S> {
    /// For a context that is bound to a thread.
    pub(crate) fn new(inner: Arc<Inner<S>>) -> Self {
        ThreadScheduler {
            scheduler: Scheduler::new(inner),
        }
    }

    /// [Spawns](Scheduler::spawn) the work that `make` returns, on the context. The work need not be
    /// `Send`, only what comes out of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use request_context::{ContextThread, context, context_async};
    ///
    /// #[context_async(Rc<Cell<u32>>, ?Send)]
    /// async fn count() -> u32 {
    ///     let count = context!().clone();
    ///     let count = Rc::clone(&count);
    ///     tokio::task::yield_now().await;
    ///     count.set(count.get() + 1);
    ///     count.get()
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// let counter = ContextThread::new(|| Rc::new(Cell::new(41)));
    /// assert_eq!(counter.scheduler().spawn_with(count).await.unwrap(), 42);
    /// # }
    /// ```
    pub fn spawn_with<M, W, T>(&self, make: M) -> JoinHandle<T>
    where
        M: FnOnce() -> W + Send + 'static,
        W: Work<S, Output = T>,
        W::Future: 'static,
        T: Send + 'static,
    {
        let inner = self.scheduler.inner();
        let root = || Root::bound_with::<S, W>(inner.clone(), make);
        let header = &inner.header;
        start(header, root, header.scope(), Kind::Spawned)
    }

    /// Runs `closure` on the context's thread, and waits for what it returns: what
    /// [`Scheduler::blocking_send`] does there, from anywhere. The closure and what it returns cross to
    /// that thread and back, so they are `Send`.
    ///
    /// # Panics
    ///
    /// When `closure` does.
    ///
    /// # Errors
    ///
    /// At once, and without running `closure`, where waiting would never end, or would stop other tasks:
    /// on a thread that runs async tasks always, so there use [`run`](Scheduler::run) or
    /// [`post`](Scheduler::post). See [`SendError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use request_context::ContextThread;
    /// let window = ContextThread::new(|| String::from("title"));
    /// let length = window.scheduler().blocking_send(|title| title.len());
    /// assert_eq!(length, Ok(5));
    /// ```
    pub fn blocking_send<F, R>(&self, closure: F) -> Result<R, SendError>
    where
        F: FnOnce(&S) -> R + Send,
        R: Send,
    {
        let context = self.scheduler.inner();
        let header = &context.header;
        let home = header.kind.home().expect("made for a bound context");
        if home.is_here() || header.outstanding.is_closed() {
            return self.scheduler.blocking_send(closure);
        }
        send_home(context, closure)
    }

    /// Runs `look` on the state, at once: in the turn that this thread has, or in one of its own.
    ///
    /// # Errors
    ///
    /// On another thread than the context's, always: in release builds too, and with no way to turn that
    /// off. The error names both threads.
    ///
    /// # Panics
    ///
    /// When `look` does; and after the context has ended.
    pub fn with<R>(&self, look: impl FnOnce(&S) -> R) -> Result<R, WrongThread> {
        let header = &self.scheduler.inner().header;
        let home = header.kind.home().expect("made for a bound context");
        home.check()?;
        assert!(
            !home.has_ended(),
            "{} has ended, and its state with it",
            header.id
        );
        let mut now = task::Context::from_waker(Waker::noop());
        match header.poll_turn(&mut now, &mut Waiting::default()) {
            Poll::Ready(held) => {
                let result = held.enter_unadmitted(|| trusted::with_state(look));
                Ok(result.expect("entered above"))
            }
            Poll::Pending => unreachable!("only this thread takes the turn, and it is not in it"),
        }
    }

    /// The thread the context is bound to.
    pub fn thread_id(&self) -> ThreadId {
        let home = self.scheduler.inner().header.kind.home();
        home.expect("made for a bound context").thread()
    }
}

impl<S> Deref for ThreadScheduler<S> {
    type Target = Scheduler<S>;

    fn deref(&self) -> &Scheduler<S> {
        &self.scheduler
    }
}

impl<S> Clone for ThreadScheduler<S> {
    fn clone(&self) -> Self {
        ThreadScheduler {
            scheduler: self.scheduler.clone(),
        }
    }
}

impl<S> fmt::Debug for ThreadScheduler<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadScheduler")
            .field("context", &self.id())
            .field("state", &type_name::<S>())
            .field("thread", &self.thread_id())
            .finish()
    }
}
