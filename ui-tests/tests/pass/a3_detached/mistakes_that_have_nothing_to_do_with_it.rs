#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

async fn load() -> Option<u32> {
    Some(1)
}

#[detached]
async fn in_a_fn() -> Option<()> {
    let _count: Option<u32> = load().await;
    load().await?;
    None
}

#[context_async(App)]
async fn in_a_part() -> Option<()> {
    #[detached]
    let _count: Option<u32> = load().await;
    #[detached]
    load().await?;
    None
}

fn main() {}
