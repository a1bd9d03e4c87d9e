#![deny(warnings)]

use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn both() {
    tokio::join!(greeting(), async {});
    futures::join!(greeting(), async {});
}

fn main() {}
