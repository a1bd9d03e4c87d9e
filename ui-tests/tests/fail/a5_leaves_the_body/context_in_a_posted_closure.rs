use request_context::{context, context_async, scheduler};

#[context_async(String)]
async fn index() {
    //~^ ERROR `the_request_context` does not live long enough
    drop(scheduler!().post(|_| context!().len()));
}

fn main() {}

//~ TWIN state_as_an_argument_of_a_posted_closure
