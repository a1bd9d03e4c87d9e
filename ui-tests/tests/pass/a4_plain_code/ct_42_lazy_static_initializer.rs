#![deny(warnings)]

use std::sync::OnceLock;

use request_context::{context, context_async};

#[context_async(String)]
async fn greeting() -> usize {
    static FIRST: OnceLock<String> = OnceLock::new();
    FIRST.get_or_init(|| String::clone(&context!())).len()
}

fn main() {}
