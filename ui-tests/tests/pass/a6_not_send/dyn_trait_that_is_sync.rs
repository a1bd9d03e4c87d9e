#![deny(warnings)]

use request_context::context_async;

struct App;

trait Greet: Sync {
    #[context_async(App, boxed)]
    async fn name(&self) -> String;

    #[context_async(App, boxed)]
    async fn greet(&self) -> String {
        format!("hello, {}", self.name().await)
    }
}

fn main() {}
