#![deny(warnings)]

use request_context::{context, context_async};

struct App {
    users: usize,
}

trait Greet {
    #[context_async(App, boxed)]
    async fn greet(&self) -> usize;
}

impl Greet for App {
    #[context_async(App, boxed)]
    async fn greet(&self) -> usize {
        self.users + context!().users
    }
}

#[context_async(App)]
async fn index(greet: Box<dyn Greet + Send + Sync>) -> usize {
    greet.greet().await
}

fn main() {}
