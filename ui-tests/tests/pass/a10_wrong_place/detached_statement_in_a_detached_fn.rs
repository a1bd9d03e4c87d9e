#![deny(warnings)]

use request_context::detached;

async fn query() {}

#[detached]
async fn load() {
    query().await;
}

fn main() {}
