#![deny(warnings)]

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

async fn enters(context: RequestContext<App>) {
    context.run(greeting()).await;
}

async fn plain(context: RequestContext<App>) {
    enters(context).await;
}

fn main() {}
