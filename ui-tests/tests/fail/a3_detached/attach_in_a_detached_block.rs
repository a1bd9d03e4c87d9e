use request_context::{attach, context_async, detached};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    #[detached]
    {
        let attached = attach!(greeting()); //~ ERROR `attach!()` cannot be used in a `#[detached]` part
        attached.await;
    }
}

fn main() {}
