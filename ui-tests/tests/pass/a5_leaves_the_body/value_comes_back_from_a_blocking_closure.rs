#![deny(warnings)]

use request_context::{context, context_async, spawn_blocking_detached};

struct App {
    user: String,
}

#[context_async(App)]
async fn index() -> usize {
    let user = context!().user.clone();
    let length = spawn_blocking_detached(move || user.len()).await.unwrap();
    length + context!().user.len()
}

fn main() {}
