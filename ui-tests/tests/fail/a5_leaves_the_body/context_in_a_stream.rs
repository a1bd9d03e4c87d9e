use futures::stream::{self, BoxStream, StreamExt};
use request_context::{context, context_async};

#[context_async(String)]
async fn index() -> BoxStream<'static, usize> {
    stream::once(async { context!().len() }).boxed() //~ ERROR cannot return value referencing local variable `the_request_context`
}

fn main() {}

//~ TWIN stream_used_up_in_the_body
