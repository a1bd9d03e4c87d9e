#![deny(warnings)]

use request_context::{context, context_async};

struct App {
    user: String,
}

#[context_async(App)]
async fn greeting() -> usize {
    match context!().user.len() {
        0 => 1,
        length => length,
    }
}

fn main() {}
