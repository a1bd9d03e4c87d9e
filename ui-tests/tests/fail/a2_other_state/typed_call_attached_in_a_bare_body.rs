use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async]
async fn any() {
    let attached = attach!(greeting()); //~ ERROR `NeedsContext<App, impl Future<Output = ()> + Send>` cannot run on a request context with state
    attached.await;
}

fn main() {}

//~ TWIN bare_call_in_any_body
