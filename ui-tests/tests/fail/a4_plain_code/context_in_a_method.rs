use request_context::context;

struct App;

impl App {
    fn user(&self) -> &str {
        &context!().user //~ ERROR `context!()` needs a request context
    }
}

fn main() {}

//~ TWIN method_of_the_state
