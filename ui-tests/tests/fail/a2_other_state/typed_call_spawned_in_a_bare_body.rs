use request_context::{context_async, scheduler};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async]
async fn any() {
    drop(scheduler!().spawn(greeting())); //~ ERROR `NeedsContext<App, impl Future<Output = ()> + Send>` cannot run on a request context with state
}

fn main() {}

//~ TWIN bare_call_in_any_body
