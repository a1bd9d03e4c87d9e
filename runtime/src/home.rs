//! The thread that a context is bound to, and the way there.

use std::{
    error::Error,
    fmt,
    future::Future,
    io::{Write, stderr},
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{self, Poll, Waker},
    thread::{self, ThreadId},
};

use tokio::runtime::Handle;

use crate::{
    ContextId,
    dispatch::{self, Dispatch},
    sync::{Mutex, lock},
};

pub(crate) struct Home {
    context: ContextId,
    thread: ThreadId,
    way: Way,
    /// Where detached work goes, and what runs timers and IO on a foreign loop.
    pool: Option<Handle>,
    /// Whether the state is gone, or about to be. `Relaxed`, as `started`: both are written on the home
    /// thread, where alone their values decide something.
    ended: AtomicBool,
    /// Bodies that were polled and not dropped. They may borrow from the state.
    started: AtomicUsize,
    /// Who waits for `started` to be none.
    unused: Mutex<Option<Waker>>,
}

/// How work gets to the thread.
enum Way {
    /// As tasks of the runtime that runs there and nowhere else.
    Runtime(Handle),
    /// As jobs of the loop that runs there.
    Loop(Arc<dyn Dispatch>),
}

impl Home {
    /// This thread, which runs this runtime of one thread.
    pub(crate) fn of_runtime(runtime: Handle, pool: Option<Handle>) -> Arc<Self> {
        Self::new(Way::Runtime(runtime), pool)
    }

    /// This thread, which runs this loop.
    pub(crate) fn of_loop(dispatch: Arc<dyn Dispatch>, pool: Option<Handle>) -> Arc<Self> {
        Self::new(Way::Loop(dispatch), pool)
    }

    fn new(way: Way, pool: Option<Handle>) -> Arc<Self> {
        Arc::new(Home {
            context: ContextId::next(),
            thread: thread::current().id(),
            way,
            pool,
            ended: AtomicBool::new(false),
            started: AtomicUsize::new(0),
            unused: Mutex::new(None),
        })
    }

    /// The context that lives here.
    pub(crate) fn context(&self) -> ContextId {
        self.context
    }

    pub(crate) fn thread(&self) -> ThreadId {
        self.thread
    }

    pub(crate) fn pool(&self) -> Option<&Handle> {
        self.pool.as_ref()
    }

    /// Whether work gets there as jobs of a loop.
    pub(crate) fn is_loop(&self) -> bool {
        matches!(self.way, Way::Loop(_))
    }

    /// Whether this thread is it.
    pub(crate) fn is_here(&self) -> bool {
        thread::current().id() == self.thread
    }

    /// That this thread is it.
    pub(crate) fn check(&self) -> Result<(), WrongThread> {
        if self.is_here() {
            Ok(())
        } else {
            Err(WrongThread {
                context: self.context,
                owner: self.thread,
                caller: thread::current().id(),
            })
        }
    }

    /// Whether this thread may enter the context.
    pub(crate) fn is_open_here(&self) -> bool {
        self.is_here() && !self.has_ended()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Lets nobody enter the context any more. False while a body may borrow from the state, or if it
    /// has ended before.
    pub(crate) fn try_end(&self) -> bool {
        self.is_open_here()
            && self.started.load(Ordering::Relaxed) == 0
            && !self.ended.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn body_starts(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn body_is_dropped(&self) {
        if self.started.fetch_sub(1, Ordering::Relaxed) == 1 {
            let waiting = mem::take(&mut *lock(&self.unused));
            if let Some(waker) = waiting {
                waker.wake();
            }
        }
    }

    /// Ready once no started body is left. For one waiter, on the home thread.
    pub(crate) fn poll_unused(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        if self.started.load(Ordering::Relaxed) == 0 {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let replaced = lock(&self.unused).replace(waker);
        drop(replaced);
        Poll::Pending
    }

    /// Has `future` polled on the thread. If that has ended, or does not take it, it is dropped here.
    pub(crate) fn start(self: &Arc<Self>, future: impl Future<Output = ()> + Send + 'static) {
        match &self.way {
            Way::Runtime(runtime) => drop(runtime.spawn(future)),
            Way::Loop(dispatch) => dispatch::start(self.clone(), dispatch.clone(), future),
        }
    }

    /// Says on stderr what a wrong thread, or a loop that is gone, has led to.
    #[cold]
    pub(crate) fn report(&self, what: &str) {
        let Home {
            context, thread, ..
        } = self;
        let caller = thread::current().id();
        // Who has closed stderr wants no reports.
        let _ = writeln!(
            stderr(),
            "{context} is bound to {thread:?}, and this is {caller:?}: {what}"
        );
    }
}

/// A context bound to one thread was used directly on another.
///
/// # Examples
///
/// ```
/// use request_context::ContextThread;
///
/// let window = ContextThread::new(|| String::from("title"));
/// let error = window.scheduler().with(|title| title.len()).unwrap_err();
/// assert_eq!(error.owner(), window.thread_id());
/// assert_eq!(error.caller(), std::thread::current().id());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongThread {
    context: ContextId,
    owner: ThreadId,
    caller: ThreadId,
}

impl WrongThread {
    /// The context that was used.
    pub fn context_id(&self) -> ContextId {
        self.context
    }

    /// The thread that the context is bound to.
    pub fn owner(&self) -> ThreadId {
        self.owner
    }

    /// The thread that used it.
    pub fn caller(&self) -> ThreadId {
        self.caller
    }
}

impl fmt::Display for WrongThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WrongThread {
            context,
            owner,
            caller,
        } = self;
        write!(
            f,
            "{context} is bound to {owner:?}, and was used on {caller:?}; `run`, `post` or \
             `blocking_send` of its scheduler get there"
        )
    }
}

impl Error for WrongThread {}
