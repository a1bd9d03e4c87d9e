#![deny(warnings)]

use request_context::{context, context_async, detached};

struct App;

async fn load() -> u32 {
    1
}

#[context_async(App, boxed)]
async fn index() {
    let _request = context!();
    #[detached]
    let _count: u32 = load().await;
}

fn main() {}
