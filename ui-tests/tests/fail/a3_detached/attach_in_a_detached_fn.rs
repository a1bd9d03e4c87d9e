use request_context::{attach, context_async, detached};

struct App;

#[context_async(App)]
async fn greeting() {}

#[detached]
async fn load() {
    attach!(greeting()).await; //~ ERROR `attach!()` cannot be used in a `#[detached]` fn
}

fn main() {}
