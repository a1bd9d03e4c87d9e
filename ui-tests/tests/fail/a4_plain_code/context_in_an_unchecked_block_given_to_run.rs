use request_context::{RequestContext, context};

async fn handle(context: RequestContext<String>) -> usize {
    context.run(async { context!().len() }).await //~ ERROR `context!()` needs a request context
}

fn main() {}

//~ TWIN context_in_a_checked_block_given_to_run
