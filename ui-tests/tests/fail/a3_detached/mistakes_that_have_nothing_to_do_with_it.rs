use request_context::{context_async, detached};

struct App;

async fn load() -> u32 {
    1
}

#[detached]
async fn in_a_fn() -> Option<()> {
    let _name: &str = load().await; //~ ERROR mismatched types
    load().await?; //~ ERROR the `?` operator can only be applied to values that implement `Try`
    load(5).await; //~ ERROR this function takes 0 arguments but 1 argument was supplied
    None
}

#[context_async(App)]
async fn in_a_part() -> Option<()> {
    #[detached]
    let _name: &str = load().await; //~ ERROR mismatched types
    #[detached]
    load().await?; //~ ERROR the `?` operator can only be applied to values that implement `Try`
    #[detached]
    load(5).await; //~ ERROR this function takes 0 arguments but 1 argument was supplied
    None
}

fn main() {}
