use request_context::detached;

async fn query() {}

#[detached]
async fn load() {
    #[detached] //~ ERROR `#[detached]` cannot be used in a `#[detached]` fn
    query().await;
}

fn main() {}
