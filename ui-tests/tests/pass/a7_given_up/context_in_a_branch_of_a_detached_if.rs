#![deny(warnings)]

use request_context::{context, context_async, detached};

async fn load(_: usize) {}

#[context_async(String)]
async fn index(fast: bool) {
    let length = context!().len();
    #[detached]
    if fast {
        load(1).await;
    } else {
        load(length).await;
    }
}

fn main() {}
