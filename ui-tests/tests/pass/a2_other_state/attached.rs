#![deny(warnings)]

use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn other() {}

#[context_async(App)]
async fn index() {
    let attached = attach!(other());
    attached.await;
}

fn main() {}
