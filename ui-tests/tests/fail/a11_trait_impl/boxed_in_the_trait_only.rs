use request_context::context_async;

struct App;

trait Greet {
    #[context_async(App, boxed)]
    async fn greet(&self) -> usize;
}

impl Greet for App {
    #[context_async(App)]
    async fn greet(&self) -> usize { //~ ERROR do not match the trait declaration
        0
    }
}

fn main() {}
//~ TWIN boxed_in_both
