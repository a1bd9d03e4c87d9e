#![deny(warnings)]

use request_context::detached;

#[detached]
async fn load() {}

fn main() {}
