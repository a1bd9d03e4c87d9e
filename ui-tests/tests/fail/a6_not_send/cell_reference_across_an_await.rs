use std::cell::Cell;

use request_context::{context, context_async};

struct App {
    queries: Cell<u32>,
}

#[context_async(App)]
async fn index() {
    //~^ ERROR future cannot be sent between threads safely
    let queries = &context!().queries;
    tokio::task::yield_now().await;
    queries.set(1);
}

fn main() {}

//~ TWIN handle_across_an_await
