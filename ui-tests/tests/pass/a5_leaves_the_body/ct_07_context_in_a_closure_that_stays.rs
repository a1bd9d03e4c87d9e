#![deny(warnings)]

use request_context::{context, context_async};

#[context_async(String)]
async fn index() -> usize {
    let request = context!();
    let length = || request.len() + context!().len();
    length()
}

fn main() {}
