use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

async fn handle(context: RequestContext<App>) {
    greeting().await; //~ ERROR this call needs a request context
    context.run(greeting()).await;
}

fn main() {}

//~ TWIN ct_02_call_given_to_run
