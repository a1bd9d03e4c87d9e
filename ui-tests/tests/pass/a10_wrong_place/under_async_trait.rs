#![deny(warnings)]

use request_context::context_async;

struct App;

trait Greet {
    #[context_async(App)]
    async fn greet(&self);
}

impl Greet for App {
    #[context_async(App)]
    async fn greet(&self) {}
}

fn main() {}
