#![deny(warnings)]

use std::sync::Arc;

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App, ?Send)]
async fn index() {
    let shared = Arc::new(1);
    tokio::task::yield_now().await;
    drop(shared);
}

async fn handle(context: RequestContext<App>) {
    context.run(index()).await;
}

fn main() {}
