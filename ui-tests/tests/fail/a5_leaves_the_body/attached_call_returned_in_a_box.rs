use std::pin::Pin;

use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(attach!(greeting())) //~ ERROR cannot return value referencing local variable `the_request_context`
}

fn main() {}
