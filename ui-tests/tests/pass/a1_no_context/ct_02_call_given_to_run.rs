#![deny(warnings)]

use request_context::{RequestContext, context_async, run_on_context};

struct App;

#[context_async(App)]
async fn greeting() {}

async fn handle(context: RequestContext<App>) {
    context.run(greeting()).await;
    run_on_context(&context, greeting()).await;
}

fn main() {}
