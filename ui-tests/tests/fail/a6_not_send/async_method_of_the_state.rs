use std::cell::Cell;

use request_context::{context, context_async};

struct App {
    queries: Cell<u32>,
}

impl App {
    async fn count(&self) {
        tokio::task::yield_now().await;
        self.queries.set(self.queries.get() + 1);
    }
}

#[context_async(App)]
async fn index() {
    //~^ ERROR future cannot be sent between threads safely
    context!().count().await;
}

fn main() {}

//~ TWIN context_fn_of_the_state
