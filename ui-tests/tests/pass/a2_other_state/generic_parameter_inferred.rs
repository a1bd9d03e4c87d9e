#![deny(warnings)]

use request_context::{attach, context_async, scheduler};

struct App;
struct Request<U>(U);

#[context_async(C)]
async fn audit<C: Send>() {}

#[context_async(Request<U>)]
async fn of_user<U: Send>() {}

#[context_async(App)]
async fn index() {
    audit().await;
    tokio::join!(audit(), attach!(audit()));
    scheduler!().spawn(audit()).await.unwrap();
}

#[context_async(Request<u8>)]
async fn carried() {
    of_user().await;
    audit().await;
}

fn main() {}
