use std::{thread, time::Duration};

use request_context::{context_async, detached};

#[context_async(String)]
async fn index() {
    // The part is off the context, but not off its turn.
    #[detached]
    {
        thread::sleep(Duration::from_secs(1)); //~ ERROR `sleep` blocks the context this runs on
    }
}

fn main() {}
