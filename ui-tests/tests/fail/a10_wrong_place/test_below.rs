use request_context::context_async;

struct App;

#[context_async(App)]
#[test] //~ ERROR `#[context_async]` cannot be used on a test
async fn greets() {}

fn main() {}

//~ TWIN test_that_runs_a_context_fn
