#![deny(unused_must_use)]

use request_context::RequestContext;

async fn end(context: &RequestContext<String>) {
    context.idle().await; //~ ERROR unused `Result` that must be used
}

fn main() {}

//~ TWIN run_and_idle_awaited
