#![deny(warnings)]

use request_context::{RequestContext, context_async, run_on_context};

struct App;
struct Other;

#[context_async(Other)]
async fn other() {}

#[context_async(App)]
async fn index(context: RequestContext<Other>) {
    context.run(other()).await;
    run_on_context(&context, other()).await;
    context.scheduler().spawn(other()).await.unwrap();
}

fn main() {}
