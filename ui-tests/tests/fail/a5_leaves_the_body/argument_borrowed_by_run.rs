use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn greeting(_: &str) {}

async fn handle(context: RequestContext<App>, user: &str) {
    context.run(greeting(user)).await; //~ ERROR borrowed data escapes outside of
}

fn main() {}

//~ TWIN local_borrowed_by_await
