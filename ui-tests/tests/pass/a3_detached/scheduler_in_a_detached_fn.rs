#![deny(warnings)]

use request_context::{Scheduler, detached};

#[detached]
async fn load(scheduler: Scheduler<String>) {
    drop(scheduler.spawn(async {}));
}

fn main() {}
