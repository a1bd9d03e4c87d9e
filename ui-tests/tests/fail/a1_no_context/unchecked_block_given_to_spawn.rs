use request_context::{context_async, scheduler};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    drop(scheduler!().spawn(async { greeting().await })); //~ ERROR this call needs a request context
}

fn main() {}

//~ TWIN checked_block_given_to_run
