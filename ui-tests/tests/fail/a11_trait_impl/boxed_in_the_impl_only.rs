use request_context::context_async;

struct App;

trait Greet {
    #[context_async(App)]
    async fn greet(&self) -> usize;
}

impl Greet for App {
    #[context_async(App, boxed)] //~ ERROR do not match the trait declaration
    async fn greet(&self) -> usize {
        0
    }
}

fn main() {}
