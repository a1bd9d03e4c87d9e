use request_context::context_async;

struct App;

#[context_async(App)]
async fn index() {
    5.await; //~ ERRORS `{integer}` is not a future
}

fn main() {}
