#![deny(warnings)]

use futures::stream::{self, StreamExt};
use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    stream::once(attach!(greeting())).collect().await
}

fn main() {}
