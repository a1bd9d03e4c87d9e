#![deny(warnings)]

use request_context::detached;

#[detached]
async fn load() {}

extern "C" fn start() {
    drop(load());
}

fn main() {}
