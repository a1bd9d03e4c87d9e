#![deny(warnings)]

use request_context::context_async;

struct App;

#[context_async(App)]
async fn index() {}

fn main() {}
