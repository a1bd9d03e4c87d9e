#![deny(warnings)]

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn first() -> u32 {
    second().await + 1
}

#[context_async(App)]
async fn second() -> u32 {
    1
}

async fn handle(context: RequestContext<App>) -> u32 {
    context.run(first()).await
}

fn main() {}
