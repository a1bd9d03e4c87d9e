use request_context::{context_async, detached};

struct App;

#[context_async(App)]
async fn greeting() {}

#[detached]
async fn load() {
    greeting().await; //~ ERROR needs a request context
}

fn main() {}
