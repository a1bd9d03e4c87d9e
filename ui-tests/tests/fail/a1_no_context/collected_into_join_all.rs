use futures::future::join_all;
use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn three() {
    join_all((0..3).map(|_| greeting())).await; //~ ERRORS this call needs a request context
}

fn main() {}

//~ TWIN attached_into_join_all
