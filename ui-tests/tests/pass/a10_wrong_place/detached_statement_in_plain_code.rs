#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

async fn query() {}

#[context_async(App)]
async fn load() {
    #[detached]
    query().await;
}

fn main() {}
