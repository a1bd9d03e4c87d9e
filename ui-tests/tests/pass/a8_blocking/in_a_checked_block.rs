#![deny(warnings)]

use std::time::Duration;

use request_context::{RequestContext, context_block};

async fn handle(context: RequestContext<String>) {
    let work = context_block!(String, async {
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    context.run(work).await;
}

fn main() {}
