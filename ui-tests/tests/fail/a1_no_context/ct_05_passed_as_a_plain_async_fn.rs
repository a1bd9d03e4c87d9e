use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

async fn twice<F: Future>(call: impl Fn() -> F) {
    call().await;
    call().await;
}

#[context_async(App)]
async fn index() {
    twice(greeting).await; //~ ERRORS this call needs a request context
}

fn main() {}

//~ TWIN ct_05_passed_attached
