use request_context::{context_async, detached};

struct App;

#[context_async(App)]
async fn greeting() -> u32 {
    1
}

#[context_async(App)]
async fn index(fast: bool) -> u32 {
    #[detached]
    let count = match fast {
        true => 0,
        false => greeting().await, //~ ERROR needs a request context
    };
    count
}

fn main() {}

//~ TWIN call_in_the_else_of_a_detached_let
