use futures::executor::block_on;
use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    std::thread::spawn(|| block_on(greeting())).join().unwrap(); //~ ERRORS this call needs a request context
}

fn main() {}
