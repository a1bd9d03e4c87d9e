#![deny(warnings)]

use request_context::{context, context_async, detached};

async fn leave() {}

#[context_async(String)]
async fn index() -> usize {
    #[detached]
    {
        leave().await;
    }
    context!().len()
}

fn main() {}
