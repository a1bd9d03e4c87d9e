use request_context::{context, context_async};

#[context_async(String)]
async fn index() {
    let request = context!(); //~ ERROR `the_request_context` does not live long enough
    drop(tokio::spawn(async move { request.len() }));
}

fn main() {}

//~ TWIN value_moved_into_a_tokio_task
