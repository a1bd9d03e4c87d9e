#![deny(warnings)]

use std::{cell::Cell, sync::Arc};

use request_context::{context, context_async};

#[context_async(Cell<u32>)]
async fn index() {
    let shared = Arc::new(1);
    tokio::task::yield_now().await;
    context!().set(*shared);
}

fn main() {}
