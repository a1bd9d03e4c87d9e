#![deny(warnings)]

use request_context::{context, context_async, detached};

async fn load(_: usize) {}

#[context_async(String)]
async fn index(fast: bool) {
    if fast {
        #[detached]
        load(1).await;
    } else {
        load(context!().len()).await;
    }
    load(context!().len()).await;
}

fn main() {}
