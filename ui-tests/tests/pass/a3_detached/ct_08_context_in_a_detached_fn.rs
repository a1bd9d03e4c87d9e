#![deny(warnings)]

use request_context::{context, context_async, detached};

#[detached]
async fn load(user: &str) -> usize {
    user.len()
}

#[context_async(String)]
async fn index() -> usize {
    load(context!().as_str()).await
}

fn main() {}
