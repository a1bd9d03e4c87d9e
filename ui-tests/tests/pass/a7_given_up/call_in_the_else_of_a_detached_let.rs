#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

async fn load() -> Option<u32> {
    None
}

#[context_async(App)]
async fn greeting() -> u32 {
    1
}

#[context_async(App)]
async fn index() -> u32 {
    #[detached]
    let Some(count) = load().await else {
        return greeting().await;
    };
    count
}

fn main() {}
