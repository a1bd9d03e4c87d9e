#![deny(warnings)]

use request_context::{NeedsContext, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

const INDEX: fn() = || drop(greeting());

fn later() -> NeedsContext<App, impl Future<Output = ()>> {
    greeting()
}

fn main() {}
