#![deny(warnings)]

use request_context::{context_async, scheduler};

#[context_async(String)]
async fn start() {
    drop(scheduler!().spawn(async {}));
}

fn main() {}
