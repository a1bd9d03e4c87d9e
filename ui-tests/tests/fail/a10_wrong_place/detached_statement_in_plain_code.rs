use request_context::detached;

async fn query() {}

async fn load() {
    #[detached] //~ ERROR custom attributes cannot be applied to statements
    query().await; //~ ERROR `#[detached]` needs an `async fn`
}

fn main() {}
