#![deny(warnings)]

use request_context::{attach, context, context_async, scheduler};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    let _request = context!();
    let _scheduler = scheduler!();
    attach!(greeting()).await;
}

fn main() {}
