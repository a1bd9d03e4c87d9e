#![deny(warnings)]

use std::cell::Cell;

use request_context::{context, context_async};

struct App {
    queries: Cell<u32>,
}

impl App {
    #[context_async(App)]
    async fn count() {
        tokio::task::yield_now().await;
        context!().queries.set(context!().queries.get() + 1);
    }
}

#[context_async(App)]
async fn index() {
    App::count().await;
}

fn main() {}
