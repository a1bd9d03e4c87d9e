use futures::executor::block_on;
use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    drop(std::thread::spawn(|| block_on(greeting()))); //~ ERRORS this call needs a request context
}

fn main() {}
