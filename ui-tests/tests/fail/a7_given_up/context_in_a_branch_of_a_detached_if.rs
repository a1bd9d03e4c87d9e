use request_context::{context, context_async, detached};

async fn load(_: usize) {}

#[context_async(String)]
async fn index(fast: bool) {
    #[detached]
    if fast {
        load(1).await;
    } else {
        load(context!().len()).await; //~ ERROR `context!()` cannot be used in a `#[detached]` part
    }
}

fn main() {}
