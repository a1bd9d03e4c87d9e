#![deny(warnings)]

use request_context::context_async;

struct App;

trait Greet: Sync {
    #[context_async(App, boxed)]
    async fn greet(&self) -> usize;
}

#[context_async(App)]
async fn index(greet: &dyn Greet) -> usize {
    greet.greet().await
}

fn main() {}
