use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    let again = async || greeting().await; //~ ERROR this call needs a request context
    again().await;
}

fn main() {}

//~ TWIN async_closure_with_attach
