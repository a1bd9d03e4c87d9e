#![deny(warnings)]

use std::time::Duration;

use request_context::{attach, context_async};
use tokio::time::timeout;

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    let _ = timeout(Duration::from_secs(1), attach!(greeting())).await;
}

fn main() {}
