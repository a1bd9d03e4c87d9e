#![deny(warnings)]

use request_context::{RequestContext, context_async, detached};

struct App;

#[context_async(App)]
async fn greeting() {}

#[detached]
async fn load(fast: bool, other: RequestContext<App>) {
    if fast {
        tokio::task::yield_now().await;
    } else {
        other.run(greeting()).await;
    }
    let later = async {
        other.scheduler().spawn(greeting()).await.unwrap();
    };
    later.await;
}

fn main() {}
