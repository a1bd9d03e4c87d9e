//! `blocking_send`: sync code that waits for a turn, and the cycles in which it would wait for ever.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread::{self, ThreadId},
};

use crate::{
    ContextId, WrongThread,
    context::{Header, Held, Inner, Waiting},
    exclusive::Scope,
    join::is_async_worker,
    task, trusted,
};

/// Who waits in `blocking_send`: a thread holds turns while it waits for another one.
static WAITING: LazyLock<Mutex<HashMap<ThreadId, Blocked>>> = LazyLock::new(Mutex::default);

struct Blocked {
    wanted: Wanted,
    held: Vec<ContextId>,
}

/// The turn somebody waits for.
#[derive(Clone, Copy, PartialEq)]
struct Wanted {
    context: ContextId,
    /// The one thread that may take it, and so cannot wait for others meanwhile.
    home: Option<ThreadId>,
}

impl Wanted {
    fn of(header: &Header) -> Self {
        Wanted {
            context: header.id,
            home: header.kind.home().map(|home| home.thread()),
        }
    }

    /// Whether `thread`, which has the turns `held`, must go on for this turn to be had.
    fn is_up_to(&self, thread: ThreadId, held: &[ContextId]) -> bool {
        held.contains(&self.context) || self.home == Some(thread)
    }
}

fn waiting() -> MutexGuard<'static, HashMap<ThreadId, Blocked>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes this thread off the waiting ones when it waits no longer.
struct Registered;

impl Registered {
    /// Puts this thread among those that wait, unless that closes a cycle, which the last one to wait
    /// sees: all others of the cycle are blocked by then, and stay so.
    fn new(header: &Header) -> Result<Self, SendError> {
        let wanted = Wanted::of(header);
        let this = thread::current().id();
        let mut held = Vec::new();
        trusted::find_held(|header| {
            held.push(header.id);
            None::<()>
        });
        let mut waiting = waiting();
        let mut cycle = vec![wanted];
        // From the turn that is wanted to the one that its holder waits for, and so on.
        while let Some(next) = cycle.last().and_then(|last| {
            let mut all = waiting.iter();
            let holder = all.find(|(thread, other)| last.is_up_to(**thread, &other.held))?;
            Some(holder.1)
        }) {
            if next.wanted.is_up_to(this, &held) {
                cycle.insert(0, next.wanted);
                let cycle = cycle.iter().map(|wanted| wanted.context).collect();
                return Err(SendError::Deadlock(cycle));
            }
            if cycle.contains(&next.wanted) {
                break;
            }
            cycle.push(next.wanted);
        }
        waiting.insert(this, Blocked { wanted, held });
        Ok(Registered)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        waiting().remove(&thread::current().id());
    }
}

/// The turn of `header`'s context, for which this thread waits if it must.
pub(crate) fn wait_for_turn(header: &Header) -> Result<Held<'_>, SendError> {
    let mut waiting = Waiting::default();
    let mut once = Context::from_waker(Waker::noop());
    // Off the turn it is ordinary work; on the turn it goes in.
    if let Poll::Ready(held) = header.poll_admitted(Scope::Ordinary, &mut once, &mut waiting) {
        return Ok(held);
    }
    header.leave(&mut waiting);
    if is_async_worker() {
        return Err(SendError::AsyncWorker(header.id));
    }
    if header.kind.home().is_some() {
        // Exclusive work has been suspended here, on the one thread that could go on with it.
        return Err(SendError::Deadlock(vec![header.id]));
    }
    let _registered = Registered::new(header)?;
    Ok(pollster::block_on(poll_fn(|cx| {
        header.poll_admitted(Scope::Ordinary, cx, &mut waiting)
    })))
}

/// Runs `closure` on the thread that the context of `inner` is bound to, for which this one waits.
pub(crate) fn send_home<S, F, R>(inner: &Arc<Inner<S>>, closure: F) -> Result<R, SendError>
where
    S: 'static,
    F: FnOnce(&S) -> R + Send,
    R: Send,
{
    let id = inner.header.id;
    if is_async_worker() {
        return Err(SendError::AsyncWorker(id));
    }
    let _registered = Registered::new(&inner.header)?;
    let mut result = None;
    trusted::lend(
        |state| result = Some(catch_unwind(AssertUnwindSafe(|| closure(state)))),
        |lent| {
            let work = async move { trusted::with_state(|state| lent.run(state)) };
            drop(task::spawn::<S, _, _, _>(inner, inner.header.scope(), work));
        },
    );
    match result {
        Some(Ok(result)) => Ok(result),
        Some(Err(payload)) => resume_unwind(payload),
        // Dropped unexecuted.
        None => Err(SendError::Closed(id)),
    }
}

/// Why [`Scheduler::blocking_send`](crate::Scheduler::blocking_send) did not run its closure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The context is closed, or the thread it is bound to has ended.
    Closed(ContextId),
    /// Waiting would never end: of these contexts, someone on each waits in `blocking_send` for the
    /// next, and on the last for the first. It is one alone where exclusive work, which keeps this out,
    /// could only go on on this very thread.
    Deadlock(Vec<ContextId>),
    /// Another thread has the context's turn, and this thread runs async tasks, which would not run
    /// while it waits.
    AsyncWorker(ContextId),
    /// The context is bound to another thread, where a closure that is not `Send` cannot go: send with
    /// its [`ThreadScheduler`](crate::ThreadScheduler::blocking_send).
    WrongThread(WrongThread),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Closed(context) => {
                write!(f, "nothing was sent to {context}: it is closed")
            }
            SendError::Deadlock(cycle) => {
                f.write_str("sending would deadlock: ")?;
                for context in cycle {
                    write!(f, "{context} waits for ")?;
                }
                match cycle.first() {
                    Some(first) => write!(f, "{first}"),
                    None => Ok(()),
                }
            }
            SendError::AsyncWorker(context) => write!(
                f,
                "waiting for {context} here would stop other tasks: this thread runs async tasks; \
                 use `scheduler.run(..).await` or `post`, or send in `spawn_blocking`"
            ),
            SendError::WrongThread(error) => write!(
                f,
                "{error}: `scheduler.thread_bound()` has one that sends from anywhere"
            ),
        }
    }
}

impl Error for SendError {}
