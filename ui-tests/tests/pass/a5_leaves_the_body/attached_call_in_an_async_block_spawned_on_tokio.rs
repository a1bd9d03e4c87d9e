#![deny(warnings)]

use request_context::{context_async, context_block, scheduler};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    drop(scheduler!().spawn(context_block!(App, async { greeting().await })));
}

fn main() {}
