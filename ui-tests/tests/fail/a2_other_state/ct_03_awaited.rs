use request_context::context_async;

struct App;
struct Other;

#[context_async(Other)]
async fn other() {}

#[context_async(App)]
async fn index() {
    other().await; //~ ERROR `NeedsContext<Other, impl Future<Output = ()> + Send>` cannot run on a request context with state `App`
}

fn main() {}

//~ TWIN ct_03_own_state_awaited
