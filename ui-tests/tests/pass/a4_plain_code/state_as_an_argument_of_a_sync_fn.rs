#![deny(warnings)]

use request_context::{context, context_async};

fn length(state: &String) -> usize {
    state.len()
}

#[context_async(String)]
async fn greeting() -> usize {
    length(&context!())
}

fn main() {}
