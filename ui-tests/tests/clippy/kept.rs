//! What `lints/clippy.toml` says to write instead.

use std::{future::ready, time::Duration};

use futures::future::join_all;
use request_context::{
    ContextThread, RequestContext, context_async, scheduler, spawn_blocking_detached,
    spawn_detached, spawn_long_running_detached,
};

#[context_async(String)]
async fn call() {}

#[context_async(String)]
pub async fn annotated() {
    drop(scheduler!().spawn(call()));
    drop(spawn_detached(ready(())));
    let _joined = join_all((0..3).map(|_| scheduler!().spawn(call()))).await;
    let _blocked = spawn_blocking_detached(|| ()).await;
    drop(spawn_long_running_detached(|| ()));
    tokio::time::sleep(Duration::ZERO).await;
}

pub async fn outside(context: RequestContext<String>, window: ContextThread<String>) {
    drop(context.scheduler().spawn(call()));
    drop(window.scheduler().spawn_with(call));
    let _panicked = context.idle().await;
}

fn main() {}
