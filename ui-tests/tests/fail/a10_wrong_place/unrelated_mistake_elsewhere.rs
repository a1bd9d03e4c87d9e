use request_context::{context_async, detached};

struct App;

#[context_async(App, bxed)] //~ ERROR unknown argument `bxed`
async fn greeting() {}

#[context_async(App)]
fn sync() -> u32 {
    //~^ ERROR `#[context_async]` needs an `async fn`
    1
}

#[detached(bxed)] //~ ERROR unknown argument `bxed`
async fn load() {}

#[context_async(App)]
async fn index() -> u32 {
    greeting().await;
    load().await;
    let _unrelated: &str = sync(); //~ ERROR mismatched types
    sync()
}

fn main() {}
