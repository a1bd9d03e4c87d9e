#![deny(warnings)]

use request_context::{RequestContext, context_async};

struct App;

trait Greets {
    fn greet(&self) -> impl Future<Output = ()> + Send;
}

struct Page;

impl Greets for Page {
    async fn greet(&self) {}
}

#[context_async(App)]
async fn index() {
    Page.greet().await;
}

fn main() {
    let _ = |context: RequestContext<App>| context.run(index());
}
