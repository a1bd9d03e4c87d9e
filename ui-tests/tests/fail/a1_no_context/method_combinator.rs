use futures::FutureExt;
use request_context::context_async;

struct App;

#[context_async(App)]
async fn count() -> u32 {
    1
}

#[context_async(App)]
async fn index() -> u32 {
    count().map(|count| count + 1).await //~ ERROR the method `map` exists for struct `NeedsContext<App,
}

fn main() {}

//~ TWIN method_combinator_on_attached
