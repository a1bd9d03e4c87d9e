#![deny(warnings)]

use async_trait::async_trait;
use request_context::{context, context_async, detached};

#[async_trait]
trait Load {
    #[detached]
    async fn load(&self, user: String) -> usize {
        user.len()
    }
}

struct Rows;

impl Load for Rows {}

#[context_async(String)]
async fn index() -> usize {
    Rows.load(String::clone(&context!())).await
}

fn main() {
    let _ = index;
}
