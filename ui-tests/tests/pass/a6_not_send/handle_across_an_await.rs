#![deny(warnings)]

use std::cell::Cell;

use request_context::{context, context_async};

struct App {
    queries: Cell<u32>,
}

#[context_async(App)]
async fn index() {
    let request = context!();
    let before = request.queries.get();
    tokio::task::yield_now().await;
    request.queries.set(before + 1);
}

fn main() {}
