//! The way back onto the context from a library that runs closures off it: the closure posts.

use request_context::{
    JoinError, RequestContext, context_async, detached, scheduler, spawn_blocking_detached,
};

use crate::probes::{Probe, Request};

/// What the four points of the action see, each with its name.
type Seen = [(&'static str, Probe); 4];

/// Stands for a library of someone else's, which knows nothing of contexts.
async fn run_on_pool<R: Send + 'static>(
    closure: impl FnOnce() -> R + Send + 'static,
) -> Result<R, JoinError> {
    spawn_blocking_detached(closure).await
}

/// Awaits the library; its closure posts what needs the context, and hands back the handle of that.
#[context_async(Request)]
async fn action(configure_await: bool) -> Result<Seen, JoinError> {
    let before = Probe::take();
    let scheduler = scheduler!();
    let closure = move || {
        let in_closure = Probe::take();
        (in_closure, scheduler.post(|_| Probe::take()))
    };
    let (in_closure, posted, after) = if configure_await {
        let (in_closure, posted) = run_on_pool(closure).await?;
        // .NET's `Post` returns nothing to wait for; here the handle says when the callback has run.
        (in_closure, posted.await?, Probe::take())
    } else {
        #[detached]
        {
            let (in_closure, posted) = run_on_pool(closure).await?;
            (in_closure, posted.await?, Probe::take())
        }
    };
    Ok([
        ("controller, before", before),
        ("closure on the pool", in_closure),
        ("callback it posted", posted),
        ("controller, after", after),
    ])
}

/// The action of two requests, with and without `ConfigureAwait(false)`.
pub(crate) async fn print() -> Result<(), JoinError> {
    let mut columns = Vec::new();
    for configure_await in [true, false] {
        let context = RequestContext::new(Request {
            user: "ada".to_owned(),
        });
        columns.push(context.run(action(configure_await)).await?);
    }
    println!("{:<20}  {:<6}  false", "configureAwait", "true");
    for (kept, left) in columns[0].iter().zip(&columns[1]) {
        println!("{:<20}  {:<6}  {}", kept.0, cell(&kept.1), cell(&left.1));
    }
    Ok(())
}

fn cell(probe: &Probe) -> &str {
    match probe {
        Probe::Taken { user, .. } => user.as_deref().unwrap_or("-"),
        Probe::Failed(_) | Probe::NotReached => "-",
    }
}
