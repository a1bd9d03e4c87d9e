#![deny(warnings)]

use request_context::context_async;

#[context_async(C)]
async fn audit<C: Send>() {}

#[context_async(C)]
async fn index<C: Send>() {
    audit::<C>().await;
}

fn main() {}
