#![deny(warnings)]

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn start() {}

#[tokio::main]
async fn main() {
    RequestContext::new(App).run(start()).await;
}
