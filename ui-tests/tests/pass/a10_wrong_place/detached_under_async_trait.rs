#![deny(warnings)]

use async_trait::async_trait;
use request_context::{context_async, detached};

#[async_trait]
trait Load {
    #[detached]
    async fn load(&self, id: u64) -> u64;
}

struct Rows;

#[async_trait]
impl Load for Rows {
    #[detached]
    async fn load(&self, id: u64) -> u64 {
        tokio::task::yield_now().await;
        id
    }
}

#[context_async(Rows)]
async fn index(load: Box<dyn Load + Send + Sync>) -> u64 {
    load.load(1).await
}

fn main() {}
