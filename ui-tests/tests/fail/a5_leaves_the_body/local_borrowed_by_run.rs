use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn greeting(_: &str) {}

async fn handle(context: RequestContext<App>) {
    let user = String::from("ada");
    context.run(greeting(&user)).await; //~ ERROR `user` does not live long enough
}

fn main() {}

//~ TWIN local_borrowed_by_await
