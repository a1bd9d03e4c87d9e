#![deny(warnings)]

use request_context::context_async;

struct App;

#[context_async(App)]
async fn query() {}

#[context_async(App)]
async fn greeting() {
    query().await;
}

#[context_async(App)]
async fn index() {
    tokio::task::yield_now().await;
    greeting().await;
}

fn main() {}
