use futures::stream::{self, BoxStream, StreamExt};
use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() -> BoxStream<'static, ()> {
    stream::once(attach!(greeting())).boxed() //~ ERROR cannot return value referencing local variable `the_request_context`
}

fn main() {}
