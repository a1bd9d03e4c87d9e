#![deny(warnings)]

use request_context::{context, context_async};

#[context_async(String)]
async fn index() {
    let user = String::clone(&context!());
    drop(std::thread::spawn(move || user.len()));
}

fn main() {}
