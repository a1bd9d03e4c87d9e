#![deny(warnings)]

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[tokio::test]
async fn greets() {
    RequestContext::new(App).run(greeting()).await;
}

#[test]
fn greets_without_a_runtime_of_its_own() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { RequestContext::new(App).run(greeting()).await });
}

fn main() {}
