use async_trait::async_trait;
use request_context::{context_async, detached};

struct App;

#[context_async(App)]
#[async_trait]
trait Greet { //~ ERROR `#[context_async]` needs an `async fn`, found `trait`; put it on each `async fn` inside
    async fn greet(&self);
}

#[detached]
#[async_trait]
impl Greet for App { //~ ERROR `#[detached]` needs an `async fn`, found `impl`; put it on each `async fn` inside
    async fn greet(&self) {}
}

fn main() {}
//~ TWIN boxed_instead_of_async_trait
