use request_context::context;

fn greeting() -> usize {
    context!().len() //~ ERROR `context!()` needs a request context
}

fn main() {}

//~ TWIN state_as_an_argument_of_a_sync_fn
