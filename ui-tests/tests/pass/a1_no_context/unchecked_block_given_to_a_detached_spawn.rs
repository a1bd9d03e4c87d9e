#![deny(warnings)]

use request_context::{RequestContext, context_async, spawn_detached};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index(other: RequestContext<App>) {
    drop(spawn_detached(async move { other.run(greeting()).await }));
}

fn main() {}
