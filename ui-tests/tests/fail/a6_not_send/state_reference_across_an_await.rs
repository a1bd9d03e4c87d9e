use std::cell::Cell;

use request_context::{context, context_async};

struct App {
    queries: Cell<u32>,
}

#[context_async(App)]
async fn index() {
    //~^ ERROR future cannot be sent between threads safely
    let app: &App = &context!();
    tokio::task::yield_now().await;
    app.queries.set(1);
}

fn main() {}

//~ TWIN sync_state_reference_across_an_await
