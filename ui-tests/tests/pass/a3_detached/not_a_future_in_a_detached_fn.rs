#![deny(warnings)]

use std::future::{IntoFuture, Ready, ready};

use request_context::detached;

struct Request;

impl IntoFuture for Request {
    type Output = u32;
    type IntoFuture = Ready<u32>;

    fn into_future(self) -> Ready<u32> {
        ready(5)
    }
}

#[detached]
async fn load() -> u32 {
    let boxed: std::pin::Pin<Box<dyn Future<Output = u32> + Send>> = Box::pin(Request.into_future());
    (Request).await + boxed.await
}

#[detached]
async fn generic<F: Future>(mut future: std::pin::Pin<Box<F>>) -> F::Output {
    (&mut future).await
}

fn main() {}
