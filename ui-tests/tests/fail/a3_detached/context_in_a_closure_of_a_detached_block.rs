use request_context::{context, context_async, detached};

async fn load(_: usize) {}

#[context_async(String)]
async fn index() {
    #[detached]
    {
        let length = || context!().len(); //~ ERROR `context!()` cannot be used in a `#[detached]` part
        load(length()).await;
    }
}

fn main() {}
