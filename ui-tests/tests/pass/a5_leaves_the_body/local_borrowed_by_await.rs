#![deny(warnings)]

use std::sync::Arc;

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn greeting(_: &str) {}

#[context_async(App)]
async fn index(user: Arc<str>) {
    greeting(&user).await;
}

async fn handle(context: RequestContext<App>, user: Arc<str>) {
    context.run(index(user)).await;
}

fn main() {}
