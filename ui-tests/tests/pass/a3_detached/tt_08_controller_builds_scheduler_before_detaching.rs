#![deny(warnings)]

use request_context::{context_async, detached, scheduler};

struct App;

#[context_async(App)]
async fn do_stuff() {}

async fn load() {}

#[context_async(App)]
async fn index() {
    let scheduler = scheduler!();
    #[detached]
    {
        load().await;
        scheduler.spawn(do_stuff()).await.unwrap();
        scheduler.run(do_stuff()).await;
    }
}

fn main() {}
