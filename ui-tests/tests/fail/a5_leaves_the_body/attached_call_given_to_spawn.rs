use request_context::{attach, context_async, scheduler};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    drop(scheduler!().spawn(attach!(greeting()))); //~ ERROR `the_request_context` does not live long enough
}

fn main() {}

//~ TWIN call_given_to_spawn
