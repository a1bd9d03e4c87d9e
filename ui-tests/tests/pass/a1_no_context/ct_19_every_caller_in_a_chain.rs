#![deny(warnings)]

use request_context::context_async;

struct App;

#[context_async(App)]
async fn query() {}

#[context_async(App)]
async fn greeting() {
    query().await;
}

struct Page;

impl Page {
    #[context_async(App)]
    async fn show(&self) {
        greeting().await;
        query().await;
    }
}

#[context_async(App)]
async fn index() {
    Page.show().await;
    tokio::task::yield_now().await;
    query().await;
}

fn main() {}
