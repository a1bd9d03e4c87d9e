#![deny(warnings)]

use futures::future::join_all;
use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn three() {
    join_all((0..3).map(|_| attach!(greeting()))).await;
}

fn main() {}
