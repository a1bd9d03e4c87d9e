#![deny(warnings)]

use request_context::{RequestContext, context_async, context_block};

struct Other;

#[context_async(Other)]
async fn other() {}

async fn handle(context: RequestContext<Other>) {
    let checked = context_block!(Other, async { other().await });
    context.run(checked).await;
}

fn main() {}
