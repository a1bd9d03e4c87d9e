use request_context::{context_async, detached};

struct App;

#[context_async(App)]
#[detached] //~ ERROR `#[detached]` cannot be used on a `#[context_async]` fn
async fn index() {}

fn main() {}
