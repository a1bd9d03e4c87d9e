#![deny(warnings)]

use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

async fn twice<F: Future>(call: impl Fn() -> F) {
    call().await;
    call().await;
}

#[context_async(App)]
async fn index() {
    twice(|| attach!(greeting())).await;
}

fn main() {}
