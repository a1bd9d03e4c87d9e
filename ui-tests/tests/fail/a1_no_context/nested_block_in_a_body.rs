use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    let nested = async { greeting().await }; //~ ERROR this call needs a request context
    nested.await;
}

fn main() {}

//~ TWIN nested_block_with_attach
