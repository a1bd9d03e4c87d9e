use request_context::context_async;

struct App;

trait Greets {
    #[context_async(App)]
    async fn greet(&self);
}

struct Page;

impl Greets for Page {
    #[context_async]
    async fn greet(&self) {} //~ ERROR method `greet` has an incompatible return type for trait
}

fn main() {}

//~ TWIN ct_39_no_state_in_both
