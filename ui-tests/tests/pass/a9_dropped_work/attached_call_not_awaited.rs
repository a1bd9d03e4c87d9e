#![deny(warnings)]

use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    attach!(greeting()).await;
}

fn main() {}
