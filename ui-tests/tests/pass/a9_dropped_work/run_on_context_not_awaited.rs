#![deny(warnings)]

use request_context::{RequestContext, run_on_context};

async fn handle(context: &RequestContext<String>) {
    run_on_context(context, async {}).await;
}

fn main() {}
