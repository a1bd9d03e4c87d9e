#![deny(warnings)]

use request_context::detached;

#[detached]
#[tokio::test]
async fn loads() {}

fn main() {}
