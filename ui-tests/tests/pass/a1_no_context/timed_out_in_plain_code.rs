#![deny(warnings)]

use std::time::Duration;

use request_context::{RequestContext, context_async};
use tokio::time::timeout;

struct App;

#[context_async(App)]
async fn greeting() {}

async fn in_a_second(context: RequestContext<App>) {
    let _ = timeout(Duration::from_secs(1), context.run(greeting())).await;
}

fn main() {}
