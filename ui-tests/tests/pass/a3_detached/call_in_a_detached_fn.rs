#![deny(warnings)]

use request_context::{Scheduler, context_async, detached};

struct App;

#[context_async(App)]
async fn greeting() {}

#[detached]
async fn load(scheduler: Scheduler<App>) {
    scheduler.run(greeting()).await;
}

fn main() {}
