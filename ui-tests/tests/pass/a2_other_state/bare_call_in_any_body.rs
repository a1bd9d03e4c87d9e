#![deny(warnings)]

use request_context::{attach, context_async, scheduler};

struct App;
struct Other;

#[context_async]
async fn any() {}

#[context_async(App)]
async fn index() {
    any().await;
    tokio::join!(any(), attach!(any()));
}

#[context_async(Other)]
async fn other() {
    any().await;
    scheduler!().spawn(any()).await.unwrap();
}

fn main() {}
