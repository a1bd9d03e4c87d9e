#![deny(warnings)]

use request_context::{context, context_async, detached};

async fn do_stuff() {}

#[context_async(String)]
async fn index() -> usize {
    let before = context!().len();
    #[detached]
    {
        do_stuff().await;
    }
    before + context!().len()
}

fn main() {}
