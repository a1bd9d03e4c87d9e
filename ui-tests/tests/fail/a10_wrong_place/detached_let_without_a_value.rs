use request_context::{context_async, detached};

struct App;

async fn load() -> u32 {
    1
}

#[context_async(App)]
async fn index() -> u32 {
    #[detached] //~ ERROR `#[detached]` cannot be used on a `let` without a value
    let count;
    count = load().await;
    count
}

fn main() {}
