#![deny(warnings)]

use request_context::context_async;

struct App;

struct Greeter;

impl Greeter {
    #[context_async(App)]
    async fn greet(&self) {}
}

#[context_async(App)]
async fn index(greeter: Greeter) {
    greeter.greet().await;
}

fn main() {}
