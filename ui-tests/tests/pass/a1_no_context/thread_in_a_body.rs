#![deny(warnings)]

use futures::executor::block_on;
use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index(other: RequestContext<App>) {
    drop(std::thread::spawn(move || block_on(other.run(greeting()))));
}

fn main() {}
