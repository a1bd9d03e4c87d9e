#![deny(warnings)]

use request_context::{context_async, scheduler};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    drop(scheduler!().spawn(greeting()));
}

fn main() {}
