use request_context::{RequestContext, attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index(other: RequestContext<App>) {
    //~^ ERROR `the_request_context` does not live long enough
    other.run(attach!(greeting())).await;
}

fn main() {}
