#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

async fn load() {}

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    greeting().await;
    #[detached]
    {
        load().await;
    }
    greeting().await;
}

fn main() {}
