use request_context::{context, context_async, spawn_detached};

#[context_async(String)]
async fn index() {
    //~^ ERROR `the_request_context` does not live long enough
    drop(spawn_detached(async { context!().len() }));
}

fn main() {}
