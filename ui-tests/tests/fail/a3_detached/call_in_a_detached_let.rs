use request_context::{context_async, detached};

struct App;

#[context_async(App)]
async fn greeting() -> u32 {
    1
}

#[context_async(App)]
async fn index() -> u32 {
    #[detached]
    let count = greeting().await; //~ ERROR needs a request context
    count
}

fn main() {}

//~ TWIN plain_call_in_a_detached_statement
