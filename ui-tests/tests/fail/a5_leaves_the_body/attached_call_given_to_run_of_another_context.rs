use request_context::{RequestContext, attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index(other: RequestContext<App>) {
    other.run(attach!(greeting())).await; //~ ERROR `the_request_context` does not live long enough
}

fn main() {}
