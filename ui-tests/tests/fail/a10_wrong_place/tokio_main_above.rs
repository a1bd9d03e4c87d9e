use request_context::context_async;

struct App;

#[tokio::main]
#[context_async(App)]
async fn main() {} //~ ERROR `#[context_async]` cannot be used on `main`

//~ TWIN main_that_runs_a_context_fn
