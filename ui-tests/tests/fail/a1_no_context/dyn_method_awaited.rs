use request_context::context_async;

struct App;

trait Greet: Sync {
    #[context_async(App, boxed)]
    async fn greet(&self) -> usize;
}

async fn index(greet: &dyn Greet) -> usize {
    greet.greet().await //~ ERROR this call needs a request context, and none is known to be in scope here
}

fn main() {}
//~ TWIN dyn_method_awaited_in_a_body
