#![deny(unused_must_use)]

use request_context::context_async;

#[context_async]
async fn trace() {}

#[context_async]
async fn index() {
    trace(); //~ ERROR unused `NeedsAnyContext` that must be used
}

fn main() {}
