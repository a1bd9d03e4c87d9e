use request_context::context_async;

struct App;

#[context_async(App)]
async fn query() {}

async fn greeting() {
    query().await; //~ ERROR this call needs a request context
}

struct Page;

impl Page {
    async fn show(&self) {
        greeting().await;
        query().await; //~ ERROR this call needs a request context
    }
}

async fn index() {
    Page.show().await;
    tokio::task::yield_now().await;
    query().await; //~ ERROR this call needs a request context
}

fn main() {}
