#![deny(warnings)]

use request_context::{context_async, detached};

struct App;

#[detached]
async fn load() {}

#[context_async(App)]
async fn index() {
    let nested = async {
        load().await;
    };
    nested.await;
}

fn main() {}
