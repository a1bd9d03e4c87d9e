//! A foreign event loop as the thread of a context.

use std::{fmt, future::Future, sync::Arc};

use async_task::Runnable;

use crate::{home::Home, outstanding::contained};

/// The way into an event loop: a queue of closures, as all of them have one.
///
/// With it, [`ContextThread::on_loop`](crate::ContextThread::on_loop) makes a context of the thread that
/// runs the loop.
///
/// Nothing an implementation does is unsound. A job that is run on another thread, or dropped, is not
/// done: the work it stands for is cancelled, and what of it could only be dropped on its thread is
/// leaked, which is reported on stderr.
///
/// # Examples
///
/// A loop that runs what it receives from a channel:
///
/// ```
/// use std::{rc::Rc, sync::mpsc};
/// use request_context::{ContextThread, Dispatch, Job};
///
/// struct Channel(mpsc::Sender<Job>);
///
/// impl Dispatch for Channel {
///     fn dispatch(&self, job: Job) {
///         let _ = self.0.send(job);
///     }
/// }
///
/// let (sender, jobs) = mpsc::channel();
/// let window = ContextThread::on_loop(Channel(sender), Rc::new("title"));
/// let length = window.scheduler().post(|title| title.len());
/// drop(window);
/// for job in jobs {
///     job.run();                       // the loop; it ends with the context
/// }
/// assert_eq!(length.blocking_join().unwrap(), 5);
/// ```
pub trait Dispatch: Send + Sync + 'static {
    /// Has `job` [run](Job::run) on the loop's thread: later, not now, and in the order of the calls. It
    /// is called on any thread. If the loop has ended, the job is dropped.
    ///
    /// A panic is contained; the job counts as dropped.
    fn dispatch(&self, job: Job);
}

/// A stretch of work of a context that is bound to a loop's thread: see [`Dispatch`].
#[must_use = "dropping a job cancels the work it stands for; `run` it on the loop's thread"]
pub struct Job {
    task: Runnable,
    home: Arc<Home>,
}

impl Job {
    /// Does the work. On another thread than the loop's it does nothing, reports that on stderr, and
    /// counts as dropped.
    ///
    /// Within a turn of the same context, in a loop nested in it, the work is put off until that turn is
    /// over.
    pub fn run(self) {
        let Job { task, home } = self;
        if !home.is_here() {
            home.report("a job was run here, and is refused");
            return;
        }
        let _entered = home.pool().map(|runtime| runtime.enter());
        task.run();
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("context", &self.home.context())
            .field("thread", &self.home.thread())
            .finish()
    }
}

/// Has `future` polled by jobs of the loop.
pub(crate) fn start(
    home: Arc<Home>,
    dispatch: Arc<dyn Dispatch>,
    future: impl Future<Output = ()> + Send + 'static,
) {
    let schedule = move |task| {
        let job = Job {
            task,
            home: home.clone(),
        };
        contained(|| dispatch.dispatch(job));
    };
    let (task, handle) = async_task::spawn(future, schedule);
    handle.detach();
    task.schedule();
}
