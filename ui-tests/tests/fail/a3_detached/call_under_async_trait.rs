use async_trait::async_trait;
use request_context::{context_async, detached};

#[context_async(String)]
async fn greeting() {}

#[async_trait]
trait Load {
    #[detached]
    async fn load(&self) {
        greeting().await; //~ ERROR this call needs a request context
    }
}

fn main() {}
