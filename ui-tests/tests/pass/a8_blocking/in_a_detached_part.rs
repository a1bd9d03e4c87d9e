#![deny(warnings)]

use std::time::Duration;

use request_context::{context_async, detached};

#[context_async(String)]
async fn index() {
    #[detached]
    {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn main() {}
