use request_context::context_async;

struct App;
struct Other;

trait Greets {
    #[context_async(App)]
    async fn greet(&self);
}

struct Page;

impl Greets for Page {
    #[context_async(Other)]
    async fn greet(&self) {} //~ ERROR method `greet` has an incompatible return type for trait
}

fn main() {}

//~ TWIN ct_39_same_state
