use request_context::{RequestContext, context_async, context_block};

struct App;
struct Other;

#[context_async(Other)]
async fn other() {}

async fn handle(context: RequestContext<App>) {
    let checked = context_block!(App, async { other().await }); //~ ERROR `NeedsContext<Other, impl Future<Output = ()> + Send>` cannot run on a request context with state `App`
    context.run(checked).await;
}

fn main() {}
