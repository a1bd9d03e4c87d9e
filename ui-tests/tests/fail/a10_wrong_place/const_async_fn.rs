use request_context::{context_async, detached};

struct App;

#[context_async(App)]
const async fn index() {} //~ ERROR `#[context_async]` cannot be used on a `const fn`

#[detached]
const async fn load() {} //~ ERROR `#[detached]` cannot be used on a `const fn`

fn main() {}
