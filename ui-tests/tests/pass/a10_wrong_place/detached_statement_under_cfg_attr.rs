#![deny(warnings)]

use request_context::{context_async, detached};

#[detached]
async fn load(id: u64) -> u64 {
    id
}

#[context_async(String)]
async fn index() -> u64 {
    #[cfg(unix)]
    #[detached]
    let rows = load(1).await;
    #[cfg(not(unix))]
    let rows = load(1).await;
    rows
}

fn main() {}
