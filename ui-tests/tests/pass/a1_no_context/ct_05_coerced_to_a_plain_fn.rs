#![deny(warnings)]

use std::future::{Ready, ready};

use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

fn plain() -> fn() -> Ready<()> {
    || ready(())
}

#[context_async(App)]
async fn index() {
    let own = greeting;
    own().await;
    plain()().await;
}

fn main() {}
