#![deny(warnings)]

use futures::stream::{self, StreamExt};
use request_context::{context, context_async};

#[context_async(String)]
async fn index() -> usize {
    let stream = stream::iter(0..3).map(|n| n + context!().len());
    stream.fold(0, async |sum, n| sum + n).await
}

fn main() {}
