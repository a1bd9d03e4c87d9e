use request_context::context_async;

struct App;
struct Other;

#[context_async(C)]
async fn audit<C: Send>() {}

#[context_async(App)]
async fn index() {
    audit::<Other>().await; //~ ERROR `NeedsContext<Other, impl Future<Output = ()> + Send>` cannot run on a request context with state `App`
}

fn main() {}

//~ TWIN generic_parameter_inferred
