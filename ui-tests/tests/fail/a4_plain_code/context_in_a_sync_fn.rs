use request_context::context;

fn greeting() -> usize {
    context!().len() //~ ERROR `context!()` needs a request context
}

fn main() {}
