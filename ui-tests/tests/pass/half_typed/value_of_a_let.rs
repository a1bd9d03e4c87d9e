#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

#[detached]
async fn load(id: u64) -> u64 {
    id
}

#[context_async(App)]
async fn greeting() -> u64 {
    #[detached]
    let rows = load(1).await;
    let length = 1;
    rows + length
}

fn main() {}
