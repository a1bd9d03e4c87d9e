use request_context::{context_async, detached};

struct App;

async fn load() {}

#[context_async(App)]
async fn index() {
    #[detached(?Send)] //~ ERROR `#[detached]` takes no arguments on a statement
    load().await;
}

fn main() {}
