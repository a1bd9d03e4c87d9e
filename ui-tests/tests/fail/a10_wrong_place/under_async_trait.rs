use async_trait::async_trait;
use request_context::context_async;

struct App;

#[async_trait]
trait Greet {
    #[context_async(App)]
    async fn greet(&self); //~ ERROR cannot be used under `#[async_trait]`
}

#[async_trait]
impl Greet for App {
    #[context_async(App)]
    async fn greet(&self) {} //~ ERROR cannot be used under `#[async_trait]`
}

fn main() {}
