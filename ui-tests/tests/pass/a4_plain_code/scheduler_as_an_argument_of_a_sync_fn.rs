#![deny(warnings)]

use request_context::{Scheduler, context_async, scheduler};

fn start(scheduler: &Scheduler<String>) {
    drop(scheduler.spawn(async {}));
}

#[context_async(String)]
async fn greeting() {
    start(&scheduler!());
}

fn main() {}
