use std::time::Duration;

use request_context::context_async;
use tokio::time::timeout;

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    let _ = timeout(Duration::from_secs(1), greeting()).await; //~ ERRORS this call needs a request context
}

fn main() {}

//~ TWIN timed_out_with_attach
