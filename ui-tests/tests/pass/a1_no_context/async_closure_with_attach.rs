#![deny(warnings)]

use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    let again = async || attach!(greeting()).await;
    again().await;
    again().await;
}

fn main() {}
