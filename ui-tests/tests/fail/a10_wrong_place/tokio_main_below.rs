use request_context::context_async;

struct App;

#[context_async(App)]
#[tokio::main] //~ ERROR `#[context_async]` cannot be used on `main`
async fn start() {}

fn main() {}

//~ TWIN main_that_runs_a_context_fn
