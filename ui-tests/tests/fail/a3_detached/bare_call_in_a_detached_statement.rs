use request_context::{context_async, detached};

#[context_async]
async fn trace() {}

#[context_async]
async fn index() {
    #[detached]
    trace().await; //~ ERROR needs a request context
}

fn main() {}

//~ TWIN call_after_a_detached_block
