use request_context::context_async;

struct Other;

#[context_async(Other)]
async fn other() {}

#[context_async(C)]
async fn generic<C: Send>() {
    other().await; //~ ERROR `NeedsContext<Other, impl Future<Output = ()> + Send>` cannot run on a request context with state `C`
}

fn main() {}

//~ TWIN generic_parameter_inferred
