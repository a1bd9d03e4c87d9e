#![deny(warnings)]

use request_context::{RequestContext, context_block};

struct App;

async fn handle(context: RequestContext<App>) {
    context.run(context_block!(App, async {})).await;
}

fn main() {}
