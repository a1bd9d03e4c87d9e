#![deny(warnings)]

use std::rc::Rc;

use request_context::detached;

#[detached(?Send)]
async fn load() {
    let shared = Rc::new(1);
    tokio::task::yield_now().await;
    drop(shared);
}

fn main() {}
