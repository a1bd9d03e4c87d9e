use request_context::context_async;

struct App;

#[tokio::test]
#[context_async(App)]
async fn greets() {} //~ ERROR `#[context_async]` cannot be used on a test

fn main() {}

//~ TWIN test_that_runs_a_context_fn
