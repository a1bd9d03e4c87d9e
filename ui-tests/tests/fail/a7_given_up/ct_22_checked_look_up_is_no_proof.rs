use request_context::{context_async, try_with};

struct App;

#[context_async(App)]
async fn greeting() {}

async fn index() {
    if try_with::<App, _>(|_| ()).is_ok() {
        greeting().await; //~ ERROR this call needs a request context
    }
}

fn main() {}
