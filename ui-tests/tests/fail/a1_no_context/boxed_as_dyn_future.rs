use std::pin::Pin;

use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

fn boxed() -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(greeting()) //~ ERROR this call needs a request context
}

fn main() {}

//~ TWIN boxed_when_attached
