use request_context::context_async;

struct App;
struct Other;

#[context_async(App)]
#[context_async(Other)] //~ ERROR duplicate `#[context_async]`
async fn index() {}

fn main() {}
