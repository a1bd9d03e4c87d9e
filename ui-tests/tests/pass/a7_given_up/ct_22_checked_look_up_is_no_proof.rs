#![deny(warnings)]

use request_context::{Scheduler, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

async fn index() {
    if let Ok(scheduler) = Scheduler::<App>::from_current() {
        scheduler.run(greeting()).await;
    }
}

fn main() {}
