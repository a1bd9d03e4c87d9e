#![deny(warnings)]

use request_context::{RequestContext, context_async, scheduler};

struct App;

async fn plain() {}

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    plain().await;
    scheduler!().spawn(plain()).await.unwrap();
}

async fn handle(context: RequestContext<App>) {
    context.run(plain()).await;
    let hops = async || context.run(greeting()).await;
    hops().await;
}

fn main() {}
