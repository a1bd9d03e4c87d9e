#![deny(warnings)]

use request_context::{JoinHandle, context_async};

#[context_async(String)]
async fn index(handle: JoinHandle<()>) {
    let _ = handle.await;
}

fn main() {}
