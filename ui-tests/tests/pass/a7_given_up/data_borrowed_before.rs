#![deny(warnings)]

use request_context::{context, context_async, detached};

struct App {
    user: String,
}

async fn load(_: &str) {}

#[context_async(App)]
async fn index() {
    let user = &context!().user;
    #[detached]
    {
        load(user).await;
        load(user).await;
    }
    load(user).await;
}

fn main() {}
