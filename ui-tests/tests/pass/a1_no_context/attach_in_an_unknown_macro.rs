#![deny(warnings)]

use request_context::{attach, context_async};

macro_rules! run_later {
    ($body:expr) => {
        async { $body }
    };
}

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    run_later!(attach!(greeting()).await).await;
}

fn main() {}
