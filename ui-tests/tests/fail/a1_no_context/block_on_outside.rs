use futures::executor::block_on;
use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

fn main() {
    block_on(greeting()); //~ ERRORS this call needs a request context
}

//~ TWIN block_on_a_run
