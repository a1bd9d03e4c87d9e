#![deny(warnings)]

use request_context::context_async;

struct App;

#[context_async(C)]
async fn audit<C: Send>() {}

#[context_async(C)]
async fn generic<C: Send>() {
    audit().await;
}

#[context_async(App)]
async fn index() {
    audit().await;
    generic().await;
}

fn main() {}
