use request_context::{detached, scheduler};

#[detached]
async fn load() {
    drop(scheduler!().spawn(async {})); //~ ERROR `scheduler!()` cannot be used in a `#[detached]` fn
}

fn main() {}
