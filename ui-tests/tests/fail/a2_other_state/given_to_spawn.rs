use request_context::{context_async, scheduler};

struct App;
struct Other;

#[context_async(Other)]
async fn other() {}

#[context_async(App)]
async fn index() {
    drop(scheduler!().spawn(other())); //~ ERROR `NeedsContext<Other, impl Future<Output = ()> + Send>` cannot run on a request context with state `App`
}

fn main() {}

//~ TWIN entered_from_another_context
