#![deny(warnings)]

use request_context::{context_async, scheduler};

#[context_async(String)]
async fn index() {
    drop(scheduler!().post(|user| user.len()));
}

fn main() {}
