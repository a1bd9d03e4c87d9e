#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

async fn load() -> u32 {
    1
}

#[context_async(App)]
async fn index() -> u32 {
    let count;
    #[detached]
    {
        count = load().await;
    }
    count
}

fn main() {}
