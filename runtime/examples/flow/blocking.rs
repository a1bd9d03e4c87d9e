//! Three operations of a library that blocks its thread: on a context, off it, and waited for by
//! blocking the context itself.

use std::{
    cell::Cell,
    thread,
    time::{Duration, Instant},
};

use request_context::{
    JoinError, JoinHandle, RequestContext, context, context_async, scheduler,
    spawn_blocking_detached,
};

/// The state of a request's context: counted without a lock, as its work never overlaps.
#[derive(Default)]
struct Request {
    completed: Cell<u32>,
}

impl Request {
    fn complete(&self) {
        self.completed.set(self.completed.get() + 1);
    }
}

/// Stands for a library of someone else's.
fn blocking_operation() {
    thread::sleep(Duration::from_millis(200));
}

#[context_async(Request)]
async fn execute_on_context() {
    tokio::task::yield_now().await;
    blocking_operation();
    context!().complete();
}

#[context_async(Request)]
async fn execute_off_context() {
    spawn_blocking_detached(blocking_operation)
        .await
        .expect("the operation does not panic");
    // Back on the context.
    context!().complete();
}

/// One after the other: each operation keeps the context's turn while it blocks.
#[context_async(Request)]
async fn all_on_context() -> Result<u32, JoinError> {
    let scheduler = scheduler!();
    tokio::try_join!(
        scheduler.spawn(execute_on_context()),
        scheduler.spawn(execute_on_context()),
        scheduler.spawn(execute_on_context()),
    )?;
    Ok(context!().completed.get())
}

/// In parallel: the operations need no turn; only what follows them takes turns.
#[context_async(Request)]
async fn all_off_context() -> Result<u32, JoinError> {
    let scheduler = scheduler!();
    tokio::try_join!(
        scheduler.spawn(execute_off_context()),
        scheduler.spawn(execute_off_context()),
        scheduler.spawn(execute_off_context()),
    )?;
    Ok(context!().completed.get())
}

/// Never: the operations need the turn that this keeps while it waits for them.
#[context_async(Request)]
async fn all_waited_for_by_blocking() -> Result<u32, JoinError> {
    let scheduler = scheduler!();
    wait_all([
        scheduler.spawn(execute_on_context()),
        scheduler.spawn(execute_on_context()),
        scheduler.spawn(execute_on_context()),
    ])?;
    Ok(context!().completed.get())
}

/// .NET's `Task.WaitAll`, in sync code, where the compiler cannot tell on what context it is called.
fn wait_all(tasks: [JoinHandle<()>; 3]) -> Result<(), JoinError> {
    tasks.into_iter().try_for_each(JoinHandle::blocking_join)
}

/// Runs each of the three on a context of its own.
pub(crate) async fn measure() {
    let new_context = || RequestContext::new(Request::default());
    print_timed("on the context", new_context().run(all_on_context())).await;
    print_timed("off the context", new_context().run(all_off_context())).await;
    print_timed(
        "blocking one's own",
        new_context().run(all_waited_for_by_blocking()),
    )
    .await;
}

async fn print_timed(what: &str, work: impl Future<Output = Result<u32, JoinError>>) {
    let start = Instant::now();
    let result = work.await;
    let time = start.elapsed().as_millis();
    match result {
        Ok(completed) => println!("{what:<18}  {time:>4} ms  {completed} completed"),
        Err(error) => println!("{what:<18}  {time:>4} ms  error: {error}"),
    }
}
