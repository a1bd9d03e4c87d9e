use request_context::detached;

#[detached]
struct App; //~ ERROR `#[detached]` needs an `async fn`

fn main() {}
