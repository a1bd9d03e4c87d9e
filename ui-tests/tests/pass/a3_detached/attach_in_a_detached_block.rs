#![deny(warnings)]

use request_context::{attach, context_async, detached};

struct App;

async fn load() {}

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    let attached = attach!(greeting());
    #[detached]
    {
        load().await;
    }
    attached.await;
}

fn main() {}
