#![deny(warnings)]

use request_context::{context, context_async};

#[context_async]
async fn index() {
    let id = context!().id();
    drop(tokio::spawn(async move { println!("{id}") }));
}

fn main() {}
