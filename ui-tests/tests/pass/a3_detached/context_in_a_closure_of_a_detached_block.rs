#![deny(warnings)]

use request_context::{context, context_async, detached};

async fn load(_: usize) {}

#[context_async(String)]
async fn index() {
    let before = context!().len();
    #[detached]
    {
        let length = || before;
        load(length()).await;
    }
}

fn main() {}
