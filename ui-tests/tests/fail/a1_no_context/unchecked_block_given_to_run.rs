use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

async fn handle(context: RequestContext<App>) {
    let unchecked = async { greeting().await }; //~ ERROR this call needs a request context
    context.run(unchecked).await;
}

fn main() {}

//~ TWIN checked_block_given_to_run
