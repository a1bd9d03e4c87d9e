use request_context::{context_async, detached};

struct App;

async fn load() {}

#[context_async(App)]
async fn index() {
    #[detached]
    #[detached] //~ ERROR duplicate `#[detached]`
    load().await;
}

fn main() {}
