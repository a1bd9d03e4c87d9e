use request_context::{context, context_async};

#[context_async]
async fn index() {
    //~^ ERROR `the_request_context` does not live long enough
    drop(tokio::spawn(async { context!().id() }));
}

fn main() {}

//~ TWIN bare_id_in_a_tokio_task
