#![deny(warnings)]

use futures::executor::block_on;
use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

fn handle(context: &RequestContext<App>) {
    block_on(context.run(greeting()));
}

fn main() {}
