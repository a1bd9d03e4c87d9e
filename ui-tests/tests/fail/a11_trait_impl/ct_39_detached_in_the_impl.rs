use request_context::{context_async, detached};

struct App;

trait Greets {
    #[context_async(App)]
    async fn greet(&self);
}

struct Page;

impl Greets for Page {
    #[detached]
    async fn greet(&self) {} //~ ERROR method `greet` has an incompatible return type for trait
}

fn main() {}

//~ TWIN ct_39_detached_in_both
