#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

async fn load() -> Result<u32, ()> {
    Ok(1)
}

#[context_async(App)]
async fn index() -> Result<u32, ()> {
    #[detached]
    let mut count = load().await?;
    #[detached]
    load().await?;
    #[detached]
    for _ in 0..3 {
        count += load().await?;
    }
    #[request_context::detached]
    println!("{count}");
    Ok(count)
}

fn main() {}
