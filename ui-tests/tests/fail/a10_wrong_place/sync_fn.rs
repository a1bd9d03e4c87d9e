use request_context::context_async;

struct App;

#[context_async(App)]
fn index() {} //~ ERROR `#[context_async]` needs an `async fn`

fn main() {}
