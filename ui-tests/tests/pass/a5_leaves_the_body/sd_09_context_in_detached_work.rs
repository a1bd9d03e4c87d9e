#![deny(warnings)]

use request_context::{context, context_async, spawn_detached};

#[context_async(String)]
async fn index() {
    let user = String::clone(&context!());
    drop(spawn_detached(async move { user.len() }));
}

fn main() {}
