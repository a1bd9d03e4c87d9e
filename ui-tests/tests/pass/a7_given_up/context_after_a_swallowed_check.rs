#![deny(warnings)]

use request_context::{context_async, detached, try_with};

async fn load(_: usize) {}

#[context_async(String)]
async fn index() {
    #[detached]
    {
        if let Ok(length) = try_with::<String, _>(|user| user.len()) {
            load(length).await;
        }
    }
}

fn main() {}
