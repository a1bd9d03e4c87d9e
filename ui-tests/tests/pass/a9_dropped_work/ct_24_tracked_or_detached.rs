#![deny(warnings)]

use request_context::{RequestContext, context_async, spawn_detached};

struct App;

#[context_async(App)]
async fn audit() {}

fn handle(context: &RequestContext<App>) {
    drop(context.scheduler().spawn(audit()));
    let _ = spawn_detached(async {});
}

fn main() {}
