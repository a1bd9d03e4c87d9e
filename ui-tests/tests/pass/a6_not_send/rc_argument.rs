#![deny(warnings)]

use std::sync::Arc;

use request_context::context_async;

struct App;

#[context_async(App)]
async fn index(shared: Arc<u32>) {
    tokio::task::yield_now().await;
    drop(shared);
}

fn main() {}
