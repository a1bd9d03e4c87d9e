use request_context::{context_async, detached};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    #[detached]
    greeting().await; //~ ERROR needs a request context
}

fn main() {}

//~ TWIN plain_call_in_a_detached_statement
