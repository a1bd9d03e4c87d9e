use axum::debug_handler;
use request_context::context_async;

struct App;

#[debug_handler] //~ ERROR this call needs a request context
#[context_async(App)]
async fn index() {}

fn main() {}
//~ TWIN handler_below
