use request_context::context_async;

#[context_async(App)]
struct App; //~ ERROR `#[context_async]` needs an `async fn`

fn main() {}
