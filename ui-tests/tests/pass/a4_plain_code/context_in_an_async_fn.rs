#![deny(warnings)]

use request_context::{context, context_async};

#[context_async(String)]
async fn greeting() -> usize {
    context!().len()
}

fn main() {}
