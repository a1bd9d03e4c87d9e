use request_context::context_async;

macro_rules! run_later {
    ($body:expr) => {
        async { $body }
    };
}

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    run_later!(greeting().await).await; //~ ERROR this call needs a request context
}

fn main() {}

//~ TWIN attach_in_an_unknown_macro
