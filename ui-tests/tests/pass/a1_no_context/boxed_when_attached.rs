#![deny(warnings)]

use std::pin::Pin;

use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    let boxed: Pin<Box<dyn Future<Output = ()> + Send + '_>> = Box::pin(attach!(greeting()));
    boxed.await;
}

fn main() {}
