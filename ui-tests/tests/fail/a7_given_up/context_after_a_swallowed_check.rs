use request_context::{context, context_async, detached, try_with};

async fn load(_: usize) {}

#[context_async(String)]
async fn index() {
    #[detached]
    {
        if let Err(_gone) = try_with::<String, _>(|_| ()) {}
        load(context!().len()).await; //~ ERROR `context!()` cannot be used in a `#[detached]` part
    }
}

fn main() {}
