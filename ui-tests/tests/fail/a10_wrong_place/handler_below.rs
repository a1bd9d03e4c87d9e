use axum::debug_handler;
use request_context::context_async;

struct App;

#[context_async(App)]
#[debug_handler] //~ ERROR `#[context_async]` cannot be used on a handler
async fn index() {}

fn main() {}
