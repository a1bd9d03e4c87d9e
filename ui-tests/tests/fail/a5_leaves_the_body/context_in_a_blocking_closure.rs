use request_context::{context, context_async};

#[context_async(String)]
async fn index() {
    //~^ ERROR `the_request_context` does not live long enough
    drop(tokio::task::spawn_blocking(|| context!().len()));
}

fn main() {}

//~ TWIN value_comes_back_from_a_blocking_closure
