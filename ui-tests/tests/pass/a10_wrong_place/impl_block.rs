#![deny(warnings)]

use request_context::context_async;

struct App;

impl App {
    #[context_async(App)]
    async fn greet(&self) {}
}

fn main() {}
