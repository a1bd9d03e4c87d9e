#![deny(warnings)]

use request_context::{context, context_async};

struct App {
    user: String,
}

#[context_async(App)]
async fn index() {
    let user = context!().user.clone();
    drop(tokio::spawn(async move { user.len() }));
}

fn main() {}
