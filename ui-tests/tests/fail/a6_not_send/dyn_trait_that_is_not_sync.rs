use request_context::context_async;

struct App;

trait Greet {
    #[context_async(App, boxed)]
    async fn name(&self) -> String;

    #[context_async(App, boxed)]
    async fn greet(&self) -> String { //~ ERROR future cannot be sent between threads safely
        format!("hello, {}", self.name().await)
    }
}

fn main() {}
//~ TWIN dyn_trait_that_is_sync
