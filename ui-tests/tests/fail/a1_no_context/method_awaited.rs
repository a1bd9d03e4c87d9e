use request_context::context_async;

struct App;

struct Greeter;

impl Greeter {
    #[context_async(App)]
    async fn greet(&self) {}
}

async fn forgot_the_attribute(greeter: Greeter) {
    greeter.greet().await; //~ ERROR this call needs a request context
}

fn main() {}

//~ TWIN method_awaited_in_a_body
