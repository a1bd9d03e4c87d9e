use async_trait::async_trait;
use request_context::{context, detached};

#[async_trait]
trait Load {
    #[detached]
    async fn load(&self) -> usize {
        context!().len() //~ ERROR `context!()` cannot be used in a `#[detached]` fn
    }
}

fn main() {}
