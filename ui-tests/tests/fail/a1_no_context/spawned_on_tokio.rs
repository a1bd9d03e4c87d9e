use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

fn start() {
    drop(tokio::spawn(greeting())); //~ ERROR this call needs a request context
}

fn main() {}

//~ TWIN spawned_on_its_scheduler
