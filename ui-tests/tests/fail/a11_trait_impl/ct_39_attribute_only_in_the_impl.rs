use request_context::context_async;

struct App;

trait Greets {
    async fn greet(&self);
}

struct Page;

impl Greets for Page {
    #[context_async(App)]
    async fn greet(&self) {} //~ ERROR this call needs a request context, and none is known to be in scope here
}

fn main() {}

//~ TWIN ct_39_same_state
