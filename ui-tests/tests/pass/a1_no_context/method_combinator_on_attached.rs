#![deny(warnings)]

use futures::FutureExt;
use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn count() -> u32 {
    1
}

#[context_async(App)]
async fn index() -> u32 {
    attach!(count()).map(|count| count + 1).await
}

fn main() {}
