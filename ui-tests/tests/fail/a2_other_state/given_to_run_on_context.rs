use request_context::{RequestContext, context_async, run_on_context};

struct App;
struct Other;

#[context_async(Other)]
async fn other() {}

async fn handle(context: RequestContext<App>) {
    run_on_context(&context, other()).await; //~ ERROR `NeedsContext<Other, impl Future<Output = ()> + Send>` cannot run on a request context with state `App`
}

fn main() {}

//~ TWIN entered_from_another_context
