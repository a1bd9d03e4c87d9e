use request_context::{context_async, detached};

struct App;

#[detached]
#[context_async(App)] //~ ERROR `#[detached]` cannot be used on a `#[context_async]` fn
async fn index() {}

fn main() {}
