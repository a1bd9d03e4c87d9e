#![deny(unused_must_use)]

use request_context::RequestContext;

fn end(context: &RequestContext<String>) {
    context.idle(); //~ ERROR that must be used
}

fn main() {}

//~ TWIN run_and_idle_awaited
