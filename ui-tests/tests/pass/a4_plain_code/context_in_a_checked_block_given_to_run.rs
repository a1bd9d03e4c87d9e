#![deny(warnings)]

use request_context::{RequestContext, context, context_block};

async fn handle(context: RequestContext<String>) -> usize {
    context
        .run(context_block!(String, async { context!().len() }))
        .await
}

fn main() {}
