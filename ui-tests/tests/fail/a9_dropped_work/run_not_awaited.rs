#![deny(unused_must_use)]

use request_context::RequestContext;

fn handle(context: &RequestContext<String>) {
    context.run(async {}); //~ ERROR that must be used
}

fn main() {}

//~ TWIN run_and_idle_awaited
