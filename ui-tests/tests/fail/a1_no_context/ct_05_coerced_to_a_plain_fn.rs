use std::future::Ready;

use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

fn plain() -> fn() -> Ready<()> {
    greeting //~ ERROR mismatched types
}

fn main() {}
