#![deny(warnings)]

use request_context::{Scheduler, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

fn index(scheduler: &Scheduler<App>) {
    drop(scheduler.spawn(greeting()));
}

fn main() {}
