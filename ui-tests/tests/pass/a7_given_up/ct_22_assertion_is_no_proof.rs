#![deny(warnings)]

use request_context::{context, context_async, try_with};

#[context_async(String)]
async fn greeting() {}

#[context_async(String)]
async fn index() {
    debug_assert!(try_with::<String, _>(|_| ()).is_ok());
    greeting().await;
    let _length = context!().len();
}

fn main() {}
