#![deny(warnings)]

use request_context::{RequestContext, context_async, context_block};

struct App;

#[context_async(App)]
async fn greeting() {}

async fn handle(context: RequestContext<App>) {
    context
        .run(context_block!(App, async { greeting().await }))
        .await;
    let spawned = context_block!(App, async move { greeting().await });
    context.scheduler().spawn(spawned).await.unwrap();
}

fn main() {}
