use request_context::{context_async, detached};

struct App;

async fn load() {}

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    #[detached]
    {
        tokio::join!(load(), greeting()); //~ ERROR needs a request context
    }
}

fn main() {}

//~ TWIN join_of_plain_calls_in_a_detached_block
