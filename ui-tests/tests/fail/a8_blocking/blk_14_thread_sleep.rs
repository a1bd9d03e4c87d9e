use std::{thread, time::Duration};

use request_context::context_async;

#[context_async(String)]
async fn index() {
    thread::sleep(Duration::from_secs(1)); //~ ERROR `sleep` blocks the context this runs on
}

fn main() {}

//~ TWIN the_async_way
