#![deny(warnings)]

use std::sync::atomic::{AtomicU32, Ordering};

use request_context::{context, context_async};

struct App {
    queries: AtomicU32,
}

#[context_async(App)]
async fn index() {
    let app: &App = &context!();
    tokio::task::yield_now().await;
    app.queries.fetch_add(1, Ordering::Relaxed);
}

fn main() {}
