#![deny(warnings)]

use request_context::{context, context_async, detached};

async fn load(_: usize) {}

#[context_async(String)]
async fn index() {
    for _ in 0..3 {
        let length = context!().len();
        #[detached]
        load(length).await;
    }
}

fn main() {}
