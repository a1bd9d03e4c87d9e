#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

#[context_async(App)]
async fn index() {
    #[detached]
    async fn load() {}
    load().await;
}

fn main() {}
