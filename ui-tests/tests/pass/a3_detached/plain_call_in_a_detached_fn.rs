#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

#[detached]
async fn query() {}

#[detached]
async fn load() {
    query().await;
    tokio::task::yield_now().await;
}

#[context_async(App)]
async fn index() {
    load().await;
}

fn main() {}
