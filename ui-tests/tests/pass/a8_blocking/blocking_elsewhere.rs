#![deny(warnings)]

use std::{thread, time::Duration};

use request_context::{JoinHandle, context_async, scheduler, spawn_blocking_detached};

fn sync_code(handle: JoinHandle<()>) {
    let _ = handle.blocking_join();
}

#[context_async(String)]
async fn index() {
    let slept = spawn_blocking_detached(|| thread::sleep(Duration::from_secs(1)));
    let _ = slept.await;
    sync_code(scheduler!().spawn(async {}));
}

fn main() {}
