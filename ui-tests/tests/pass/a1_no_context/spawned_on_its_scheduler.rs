#![deny(warnings)]

use request_context::{RequestContext, context_async, scheduler};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    scheduler!().spawn(greeting()).await.unwrap();
}

fn start(context: &RequestContext<App>) {
    drop(context.scheduler().spawn(greeting()));
}

fn main() {}
