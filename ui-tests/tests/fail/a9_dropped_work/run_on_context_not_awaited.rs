#![deny(unused_must_use)]

use request_context::{RequestContext, run_on_context};

fn handle(context: &RequestContext<String>) {
    run_on_context(context, async {}); //~ ERROR that must be used
}

fn main() {}
