use request_context::{context_async, spawn_detached};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    drop(spawn_detached(async { greeting().await })); //~ ERROR this call needs a request context
}

fn main() {}
