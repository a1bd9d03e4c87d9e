#![deny(warnings)]

use request_context::{context, context_async};

const LENGTH: fn(&String) -> usize = |user| user.len();

#[context_async(String)]
async fn index() -> usize {
    LENGTH(&context!())
}

fn main() {}
