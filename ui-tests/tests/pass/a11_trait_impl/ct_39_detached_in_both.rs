#![deny(warnings)]

use request_context::{RequestContext, context_async, detached};

struct App;

trait Greets {
    #[detached]
    async fn greet(&self);
}

struct Page;

impl Greets for Page {
    #[detached]
    async fn greet(&self) {}
}

#[context_async(App)]
async fn index() {
    Page.greet().await;
}

fn main() {
    let _ = |context: RequestContext<App>| context.run(index());
}
