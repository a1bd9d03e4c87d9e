use request_context::{RequestContext, context_async};

struct App;
struct Other;

#[context_async(Other)]
async fn other() {}

async fn handle(context: RequestContext<App>) {
    context.run(other()).await; //~ ERROR `NeedsContext<Other, impl Future<Output = ()> + Send>` cannot run on a request context with state `App`
}

fn main() {}

//~ TWIN entered_from_another_context
