use request_context::detached;

#[detached]
fn load() {} //~ ERROR `#[detached]` needs an `async fn`

fn main() {}
