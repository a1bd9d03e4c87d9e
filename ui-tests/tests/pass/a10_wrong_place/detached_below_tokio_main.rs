#![deny(warnings)]

use request_context::detached;

#[detached]
#[tokio::main]
async fn main() {}
