//! Off the context: detached fns, and work for the pool.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    thread,
};

use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    JoinHandle, OffContext,
    no_context::Hidden,
    outstanding::discard,
    trusted::{self, DetachedFn, NotChecked},
};

/// The body of a `#[detached]` fn.
#[track_caller]
pub fn detached_fn<F: Future>(body: F) -> DetachedFn<F, NotChecked> {
    DetachedFn::new(body, Location::caller())
}

/// The body of a `#[detached]` fn whose future is checked to be `Send`.
#[inline(always)]
#[track_caller]
pub fn detached_fn_send<F>(body: F) -> DetachedFn<F>
where
    F: Future + Send, // or the fn says `#[detached(?Send)]`
{
    DetachedFn::checked(body, Location::caller())
}

/// What the awaits of a `#[detached]` fn go through.
#[derive(Debug)]
pub struct DetachedFnHere;

impl DetachedFnHere {
    /// `F` is a parameter so that wrong work is one error.
    #[inline(always)]
    pub fn detached<T, F>(self, work: T) -> F
    where
        T: OffContext<Future = F>,
    {
        work.into_plain()
    }
}

/// Runs `future` on the pool, off any context: .NET's `Task.Run`.
///
/// No context is visible to it, and none waits for it in
/// [`idle`](crate::RequestContext::idle). To start work on this context instead, use
/// [`scheduler!().spawn(..)`](crate::Scheduler::spawn).
///
/// No span of `tracing` follows it, as none follows `tokio::spawn`: detached work may outlive its request,
/// whose span would stay open. Where that is wanted, `.instrument(Span::current())` says so.
///
/// # Panics
///
/// Off a tokio runtime, as [`tokio::spawn`] does. On a context, its runtime is used.
///
/// # Examples
///
/// ```
/// # #[tokio::main]
/// # async fn main() {
/// let handle = request_context::spawn_detached(async {
///     request_context::try_with::<String, _>(|_| ()).is_err()
/// });
/// assert!(handle.await.unwrap());
/// # }
/// ```
#[track_caller]
pub fn spawn_detached<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    JoinHandle::of_detached(runtime().spawn(detached_fn(future)))
}

/// Runs `closure` on a thread where blocking is fine, off any context.
///
/// It cannot be aborted once it runs. What it returns comes back to the context by awaiting the handle
/// there.
///
/// # Panics
///
/// Off a tokio runtime, as [`tokio::task::spawn_blocking`] does. On a context, its runtime is used.
///
/// # Examples
///
/// ```
/// # #[tokio::main]
/// # async fn main() {
/// let sum = request_context::spawn_blocking_detached(|| (1..=10).sum::<u32>());
/// assert_eq!(sum.await.unwrap(), 55);
/// # }
/// ```
#[track_caller]
pub fn spawn_blocking_detached<F, R>(closure: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let at = Location::caller();
    JoinHandle::of_detached(
        runtime().spawn_blocking(move || trusted::hide(Hidden::Detached(at), closure)),
    )
}

/// Runs `closure` on a thread of its own, off any context: for work that blocks for very long, or for
/// ever, and would keep a thread of the pool. .NET's `TaskCreationOptions.LongRunning`.
///
/// It needs no runtime, cannot be aborted, and does not keep the process alive: when `main` returns, it
/// is gone. What it returns comes back to the context by awaiting the handle there.
///
/// # Panics
///
/// If the operating system has no more threads, as [`std::thread::spawn`] does.
///
/// # Examples
///
/// ```
/// # #[tokio::main]
/// # async fn main() {
/// let sum = request_context::spawn_long_running_detached(|| (1..=10).sum::<u32>());
/// assert_eq!(sum.await.unwrap(), 55);
/// # }
/// ```
#[track_caller]
pub fn spawn_long_running_detached<F, R>(closure: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let at = Location::caller();
    let (sender, result) = oneshot::channel();
    let work = move || {
        let closure = AssertUnwindSafe(|| trusted::hide(Hidden::Detached(at), closure));
        // Nobody may want the result any more, whose drop may panic.
        if let Err(unwanted) = sender.send(catch_unwind(closure)) {
            discard(unwanted);
        }
    };
    let thread = thread::Builder::new().name("long-running".into());
    match thread.spawn(work) {
        Ok(_) => JoinHandle::of_thread(result),
        Err(error) => panic!("long-running work needs a thread of its own: {error}"),
    }
}

#[track_caller]
fn runtime() -> Handle {
    // A context that is bound to a thread may have a runtime on it, where nothing is detached from it.
    let pool = trusted::find_held(|held| held.kind.home()?.pool().cloned());
    if let Some(pool) = pool {
        return pool;
    }
    let missing = match Handle::try_current() {
        Ok(runtime) => return runtime,
        Err(error) => error,
    };
    match trusted::find_held(|held| held.kind.runtime().cloned()) {
        Some(runtime) => runtime,
        None => panic!(
            "detached work was started off a tokio runtime, and has none to run on ({missing})"
        ),
    }
}
