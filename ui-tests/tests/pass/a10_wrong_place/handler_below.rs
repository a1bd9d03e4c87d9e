#![deny(warnings)]

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn index() {}

// It can have `#[debug_handler]`.
async fn handler() {
    RequestContext::new(App).run(index()).await;
}

fn main() {}
