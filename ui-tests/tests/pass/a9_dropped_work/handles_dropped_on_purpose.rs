#![deny(warnings)]

use request_context::{RequestContext, spawn_blocking_detached, spawn_detached};

fn handle(context: &RequestContext<String>) {
    drop(context.scheduler().spawn(async {}));
    let _ = context.scheduler().post(|_| ());
    drop(spawn_detached(async {}));
    let _ = spawn_blocking_detached(|| ());
}

fn main() {}
