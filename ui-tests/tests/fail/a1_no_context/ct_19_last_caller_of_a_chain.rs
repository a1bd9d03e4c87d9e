use request_context::context_async;

struct App;

#[context_async(App)]
async fn query() {}

#[context_async(App)]
async fn greeting() {
    query().await;
}

async fn index() {
    tokio::task::yield_now().await;
    greeting().await; //~ ERROR this call needs a request context
}

fn main() {}
