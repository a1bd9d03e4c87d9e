#![deny(warnings)]

use request_context::context_async;

struct App;

#[context_async(App)]
async fn index(_: &[u32]) {}

fn main() {}
