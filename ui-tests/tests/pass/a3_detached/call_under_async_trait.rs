#![deny(warnings)]

use async_trait::async_trait;
use request_context::detached;

async fn rows() {}

#[async_trait]
trait Load {
    #[detached]
    async fn load(&self) {
        rows().await;
    }
}

struct Rows;

impl Load for Rows {}

#[tokio::test]
async fn load() {
    Rows.load().await;
}

fn main() {}
