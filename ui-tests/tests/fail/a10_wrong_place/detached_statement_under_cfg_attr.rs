use request_context::{context_async, detached};

#[detached]
async fn load(id: u64) -> u64 {
    id
}

#[context_async(String)]
async fn index() -> u64 {
    #[cfg_attr(unix, detached)] //~ ERROR `#[detached]` cannot be used in a `cfg_attr` on a statement
    let rows = load(1).await;
    rows
}

fn main() {}
