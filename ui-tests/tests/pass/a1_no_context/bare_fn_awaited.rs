#![deny(warnings)]

use request_context::context_async;

#[context_async]
async fn trace() {}

#[context_async]
async fn index() {
    trace().await;
}

fn main() {}
