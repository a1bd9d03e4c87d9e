#![deny(warnings)]

use request_context::{RequestContext, context_async};

struct App;

trait Greets {
    #[context_async(App)]
    async fn greet(&self) -> u32;
}

struct Page;

impl Greets for Page {
    #[context_async(App)]
    async fn greet(&self) -> u32 {
        42
    }
}

#[context_async(App)]
async fn index() -> u32 {
    Page.greet().await
}

fn main() {
    let _ = |context: RequestContext<App>| context.run(index());
}
