//! Every call that `lints/clippy.toml` disallows.

use std::{future::ready, thread, time::Duration};

use request_context::context_async;
use tokio::{
    runtime::{Handle, Runtime},
    task::{self, JoinSet, LocalSet},
};
use tokio_util::task::TaskTracker;

tokio::task_local! {
    static USER: String;
}

/// By another path, and in an annotated body.
#[context_async(String)]
pub async fn annotated() {
    drop(tokio::spawn(ready(())));
}

pub async fn tasks(mut set: JoinSet<()>, handle: Handle, runtime: Runtime) {
    drop(task::spawn(ready(())));
    drop(task::spawn_blocking(|| ()));
    task::block_in_place(|| ());
    drop(task::spawn_local(ready(())));
    drop(LocalSet::new().spawn_local(ready(())));
    drop(handle.spawn(ready(())));
    drop(handle.spawn_blocking(|| ()));
    drop(runtime.spawn(ready(())));
    drop(runtime.spawn_blocking(|| ()));
    set.spawn(ready(()));
    set.spawn_on(ready(()), &handle);
    set.spawn_local(ready(()));
    set.spawn_blocking(|| ());
    drop(TaskTracker::new().spawn(ready(())));
}

pub fn threads() {
    drop(thread::spawn(|| ()));
    drop(thread::Builder::new().spawn(|| ()));
    thread::sleep(Duration::ZERO);
}

fn main() {}
