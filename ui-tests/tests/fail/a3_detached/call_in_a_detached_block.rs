use request_context::{context_async, detached};

struct App;

async fn load() {}

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    #[detached]
    {
        load().await;
        greeting().await; //~ ERROR needs a request context
    }
}

fn main() {}

//~ TWIN call_after_a_detached_block
