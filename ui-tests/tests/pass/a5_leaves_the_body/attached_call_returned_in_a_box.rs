#![deny(warnings)]

use request_context::{NeedsContext, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() -> NeedsContext<App, impl Future<Output = ()> + Send> {
    greeting()
}

fn main() {}
