//! Behaviour tests live in `tests/`; what they share lives here.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    fmt::Debug,
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, ThreadId},
    time::Duration,
};

use request_context::{Dispatch, Job, JoinHandle, NoContext, RequestContext, try_with};

/// How long a test may take that must not hang.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long a test may take that does a lot.
pub const LONG_PATIENCE: Duration = Duration::from_secs(120);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// ---------------------------------------------------------------- running a test

/// Runs `test` on a thread of its own.
///
/// # Panics
///
/// As `test` does; and when it takes more than [`PATIENCE`], leaving its thread behind.
#[track_caller]
pub fn watchdog<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) -> R {
    watchdog_of(PATIENCE, test)
}

/// [`watchdog`] with another patience.
///
/// # Panics
///
/// As `test` does; and when it takes too long, leaving its thread behind.
#[track_caller]
pub fn watchdog_of<R: Send + 'static>(
    patience: Duration,
    test: impl FnOnce() -> R + Send + 'static,
) -> R {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        // The receiver is gone only if the watchdog has barked.
        let _ = done.send(panic::catch_unwind(AssertUnwindSafe(test)));
    });
    match finished.recv_timeout(patience) {
        Ok(Ok(result)) => result,
        Ok(Err(payload)) => panic::resume_unwind(payload),
        Err(_) => panic!("the test hangs: it still runs after {patience:?}"),
    }
}

/// A tokio runtime with so many workers.
#[macro_export]
macro_rules! pool {
    ($workers:expr) => {
        ::tokio::runtime::Builder::new_multi_thread()
            .worker_threads($workers)
            .thread_name("pool")
            .enable_all()
            .build()
            .expect("a runtime")
    };
}

/// A tokio runtime on the thread that blocks on it.
#[macro_export]
macro_rules! one_thread {
    () => {
        ::tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
}

/// Runs an async test on a pool of so many workers, under the [`watchdog`].
#[macro_export]
macro_rules! on_pool {
    ($workers:expr, $test:expr $(,)?) => {
        $crate::watchdog(move || $crate::pool!($workers).block_on($test))
    };
}

/// Runs an async test that does a lot on a pool of so many workers, under a patient watchdog.
#[macro_export]
macro_rules! stress_on_pool {
    ($workers:expr, $test:expr $(,)?) => {
        $crate::watchdog_of($crate::LONG_PATIENCE, move || {
            $crate::pool!($workers).block_on($test)
        })
    };
}

/// Runs an async test on one thread, under the [`watchdog`].
#[macro_export]
macro_rules! on_one_thread {
    ($test:expr $(,)?) => {
        $crate::watchdog(move || $crate::one_thread!().block_on($test))
    };
}

// ---------------------------------------------------------------- a state to test with

/// The state of most tests: whose request it is, and a counter without a lock.
#[derive(Debug, Default)]
pub struct Request {
    /// Whose it is.
    pub user: String,
    /// A counter without a lock.
    pub count: Cell<u32>,
}

impl Request {
    /// The request of `user`.
    pub fn of(user: &str) -> Self {
        Request {
            user: user.to_owned(),
            count: Cell::new(0),
        }
    }

    /// One more.
    pub fn increment(&self) {
        self.count.set(self.count.get() + 1);
    }
}

/// The user of the request that is visible here.
pub fn ambient() -> Result<String, NoContext> {
    try_with(|request: &Request| request.user.clone())
}

/// [`ambient`] in one word: the user, `never` or `detached`.
pub fn seen() -> String {
    match ambient() {
        Ok(user) => user,
        Err(error) if error.detached_at().is_some() => "detached".to_owned(),
        Err(error) if error.to_string().contains("was not started on one") => "never".to_owned(),
        Err(error) => error.to_string(),
    }
}

// ---------------------------------------------------------------- writing down what happened

/// What happened, in order; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Nothing happened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes down what happened now.
    pub fn push(&self, entry: impl Into<String>) {
        let entry = entry.into();
        lock(&self.0).push(entry);
    }

    /// How much has happened.
    pub fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries so far; the log is empty after.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0))
    }
}

/// A value that does something when it is dropped.
pub struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    /// `action` is for the drop.
    pub fn new(action: F) -> Self {
        OnDrop(Some(action))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(action) = self.0.take() {
            action();
        }
    }
}

impl<F: FnOnce()> std::fmt::Debug for OnDrop<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnDrop")
    }
}

/// A value that, when it is dropped, writes down what context its `Drop` sees.
pub fn sees_on_drop(log: &Log) -> OnDrop<impl FnOnce() + Send + use<>> {
    let log = log.clone();
    OnDrop::new(move || log.push(seen()))
}

/// How many are inside at once.
#[derive(Debug, Default)]
pub struct Overlap {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Overlap {
    /// One more is inside, until what this returns is dropped.
    pub fn enter(&self) -> OnDrop<impl FnOnce() + use<'_>> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        OnDrop::new(|| {
            self.now.fetch_sub(1, Ordering::SeqCst);
        })
    }

    /// Stays inside for long enough that others would come in, if they could.
    pub fn linger(&self) {
        const A_WHILE: usize = 5_000;

        let _inside = self.enter();
        // Mostly by spinning: on a machine with much else to do, each yield may take long.
        for _ in 0..2 {
            (0..A_WHILE).for_each(|_| std::hint::spin_loop());
            thread::yield_now();
        }
    }

    /// How many have been inside at once.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

// ---------------------------------------------------------------- waiting

/// Closed until it is opened, for ever; clones are the same gate. Threads and futures may wait at it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    open: bool,
    wakers: Vec<Waker>,
}

impl Gate {
    /// A closed one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens it, for all who wait.
    pub fn open(&self) {
        let wakers = {
            let mut state = lock(&self.0.0);
            state.open = true;
            std::mem::take(&mut state.wakers)
        };
        self.0.1.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether somebody opened it.
    pub fn is_open(&self) -> bool {
        lock(&self.0.0).open
    }

    /// Blocks this thread until the gate is open.
    ///
    /// # Panics
    ///
    /// When that takes longer than any test may.
    pub fn wait(&self) {
        let state = lock(&self.0.0);
        let (state, _) = self
            .0
            .1
            .wait_timeout_while(state, LONG_PATIENCE, |state| !state.open)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(state.open, "nobody opened the gate");
    }

    /// Waits until the gate is open.
    pub fn opened(&self) -> impl Future<Output = ()> + Send + use<> {
        let gate = self.clone();
        std::future::poll_fn(move |cx| {
            let mut state = lock(&gate.0.0);
            if state.open {
                return Poll::Ready(());
            }
            if !state.wakers.iter().any(|w| w.will_wake(cx.waker())) {
                state.wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
    }
}

/// Runs `future` on this thread, which may be running another; it belongs to no runtime by that.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// A context on the runtime, made from outside of it.
pub fn context_on<R>(enter: R, state: Request) -> RequestContext<Request> {
    let context = RequestContext::new(state);
    drop(enter);
    context
}

/// Checks that `work` has ended, and was cancelled.
///
/// # Panics
///
/// When that is not so.
#[track_caller]
pub fn cancelled<T: Debug>(work: JoinHandle<T>) {
    assert!(work.is_finished());
    let error = block_on(work).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
}

/// How many pieces of work of `context` have not ended, as its `Debug` says.
///
/// # Panics
///
/// When it does not say so.
pub fn outstanding<S>(context: &RequestContext<S>) -> usize {
    let debug = format!("{context:?}");
    let (_, count) = debug.split_once("count: ").expect("a count");
    let digits = count.split(|c: char| !c.is_ascii_digit()).next();
    digits
        .and_then(|count| count.parse().ok())
        .expect("a count")
}

/// Blocks until somebody waits for the turn of `context`, as its `Debug` says; it is held here.
pub fn until_called<S>(context: &RequestContext<S>) {
    while !format!("{context:?}").contains("called: true") {
        thread::yield_now();
    }
}

/// `future`, which counts in `polls` how often it is polled.
pub fn count_polls<F: Future>(
    future: F,
    polls: &Arc<AtomicUsize>,
) -> impl Future<Output = F::Output> + use<F> {
    let (polls, mut future) = (polls.clone(), Box::pin(future));
    std::future::poll_fn(move |cx| {
        polls.fetch_add(1, Ordering::SeqCst);
        future.as_mut().poll(cx)
    })
}

/// Polls `future` once, without a runtime behind the waker.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Suspends once, to the back of whatever queue runs this. It needs no runtime, and unlike tokio's
/// `yield_now`, which waits for the runtime to have done other work, it is queued at once.
pub fn suspend() -> impl Future<Output = ()> + Send {
    let mut suspended = false;
    std::future::poll_fn(move |cx| {
        if std::mem::replace(&mut suspended, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// A waker that counts how often it is woken, and does nothing else.
#[derive(Debug, Default)]
pub struct CountingWaker(AtomicUsize);

impl CountingWaker {
    /// Never woken yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// How often it was woken.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that panics whenever it is woken.
#[derive(Debug)]
pub struct PanickingWaker;

impl PanickingWaker {
    /// As a `Waker`.
    pub fn waker() -> Waker {
        Waker::from(Arc::new(PanickingWaker))
    }
}

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        panic!("a waker's");
    }
}

/// A waker that panics when the last of its clones is dropped.
#[derive(Debug)]
pub struct DropPanics;

impl DropPanics {
    /// As a `Waker`.
    pub fn waker() -> Waker {
        Waker::from(Arc::new(DropPanics))
    }
}

impl Wake for DropPanics {
    fn wake(self: Arc<Self>) {}
}

impl Drop for DropPanics {
    fn drop(&mut self) {
        panic!("a waker's end");
    }
}

// ---------------------------------------------------------------- panics

/// A panic that was caught: what it says, and where it was.
#[derive(Clone, Debug, Default)]
pub struct Caught {
    /// What it says.
    pub message: String,
    /// The file it was in.
    pub file: String,
    /// The line it was on.
    pub line: u32,
}

impl Caught {
    /// `file:line`, as messages name places.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<Caught>> = const { RefCell::new(None) };
}

/// Runs `action`, which must panic, and says what and where its panic was.
///
/// # Panics
///
/// If `action` does not.
#[track_caller]
pub fn caught<R>(action: impl FnOnce() -> R) -> Caught {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !WATCHED.get() {
                return default(info);
            }
            let location = info.location();
            LAST.set(Some(Caught {
                message: message(info.payload()),
                file: location.map_or(String::new(), |at| at.file().to_owned()),
                line: location.map_or(0, |at| at.line()),
            }));
        }));
    });
    let before = WATCHED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(action));
    WATCHED.set(before);
    assert!(result.is_err(), "this should have panicked");
    LAST.take().expect("the hook has seen the panic")
}

/// The text of a panic.
pub fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

// ---------------------------------------------------------------- an event loop

/// The way into a small [`EventLoop`].
#[derive(Clone, Debug)]
pub struct ToLoop(mpsc::Sender<Job>);

impl Dispatch for ToLoop {
    fn dispatch(&self, job: Job) {
        // Dropped if the loop is.
        let _ = self.0.send(job);
    }
}

/// A small event loop, run by hand on the thread that has it.
#[derive(Debug)]
pub struct EventLoop(mpsc::Receiver<Job>);

impl EventLoop {
    /// A loop, and the way into it.
    pub fn new() -> (ToLoop, Self) {
        let (sender, jobs) = mpsc::channel();
        (ToLoop(sender), EventLoop(jobs))
    }

    /// The next job, which is waited for.
    ///
    /// # Panics
    ///
    /// When there will be none.
    pub fn next(&self) -> Job {
        self.0.recv().expect("another job")
    }

    /// Runs jobs until `done`, which is asked after each.
    ///
    /// # Panics
    ///
    /// When there are no more.
    pub fn run_until(&self, done: impl Fn() -> bool) {
        while !done() {
            self.next().run();
        }
    }

    /// Runs the jobs there are, and those that follow from them; returns how many.
    pub fn run_ready(&self) -> usize {
        self.0.try_iter().map(Job::run).count()
    }
}

/// A value that writes down the thread it is dropped on. Not `Send`.
#[derive(Debug)]
pub struct Homely(Rc<Dropped>);

/// Where values were dropped.
#[derive(Clone, Debug, Default)]
pub struct Graves(Arc<Mutex<Vec<ThreadId>>>);

impl Graves {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A value that will end here.
    pub fn homely(&self) -> Homely {
        Homely(Rc::new(Dropped(self.clone())))
    }

    /// The threads of the drops so far.
    pub fn threads(&self) -> Vec<ThreadId> {
        lock(&self.0).clone()
    }
}

#[derive(Debug)]
struct Dropped(Graves);

impl Drop for Dropped {
    fn drop(&mut self) {
        lock(&self.0.0).push(thread::current().id());
    }
}

impl Homely {
    /// Another one that shares it; the last one to go is the drop.
    pub fn share(&self) -> Homely {
        Homely(self.0.clone())
    }
}
