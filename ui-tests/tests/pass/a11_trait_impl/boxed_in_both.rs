#![deny(warnings)]

use request_context::{context, context_async};

struct App {
    users: usize,
}

trait Greet {
    #[context_async(App, boxed)]
    async fn greet(&self, name: &str) -> usize;
}

impl Greet for App {
    #[context_async(App, boxed)]
    async fn greet(&self, name: &str) -> usize {
        context!().users + name.len()
    }
}

fn main() {}
