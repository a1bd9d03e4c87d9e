use std::rc::Rc;

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App, ?Send)]
async fn index() {
    let shared = Rc::new(1);
    tokio::task::yield_now().await;
    drop(shared);
}

async fn handle(context: RequestContext<App>) {
    context.run(index()).await; //~ ERROR future cannot be sent between threads safely
}

fn main() {}
