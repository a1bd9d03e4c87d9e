#![deny(warnings)]

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index(other: RequestContext<App>) {
    other.run(greeting()).await;
}

fn main() {}
