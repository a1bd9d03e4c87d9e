#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

#[context_async(App, boxed)]
async fn greeting() {}

fn sync() -> u32 {
    1
}

#[detached]
async fn load() {}

#[context_async(App)]
async fn index() -> u32 {
    greeting().await;
    load().await;
    let _unrelated: u32 = sync();
    sync()
}

fn main() {}
