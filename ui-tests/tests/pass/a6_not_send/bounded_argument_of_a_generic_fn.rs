#![deny(warnings)]

use std::rc::Rc;

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn keep<T: Send>(value: T) {
    tokio::task::yield_now().await;
    drop(value);
}

#[context_async(App, ?Send)]
async fn any<T>(value: T) {
    tokio::task::yield_now().await;
    drop(value);
}

async fn handle(context: RequestContext<App>) {
    context.run(keep(1)).await;
    context.run(any(1)).await;
    drop(any(Rc::new(1)));
}

fn main() {}
