use request_context::{attach, context_async, detached};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    #[detached]
    attach!(greeting()).await; //~ ERROR `attach!()` cannot be used in a `#[detached]` part
}

fn main() {}

//~ TWIN call_after_a_detached_block
