use request_context::{attach, context_async};

struct App;
struct Other;

#[context_async(Other)]
async fn other() {}

#[context_async(App)]
async fn index() {
    let attached = attach!(other()); //~ ERROR `NeedsContext<Other, impl Future<Output = ()> + Send>` cannot run on a request context with state `App`
    attached.await;
}

fn main() {}
