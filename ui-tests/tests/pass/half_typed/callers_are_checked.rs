#![deny(warnings)]

use request_context::{context, context_async};

struct App {
    user: String,
}

#[context_async(App)]
async fn greeting() -> usize {
    let length = context!().user.len();
    match length {
        0 => 1,
        _ => length,
    }
}

#[context_async(App)]
async fn index() -> usize {
    greeting().await
}

fn main() {}
