#![deny(warnings)]

use request_context::context_async;

#[context_async(String)]
async fn index() {
    async {}.await;
}

fn main() {}
