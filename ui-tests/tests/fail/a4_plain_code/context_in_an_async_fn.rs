use request_context::context;

async fn greeting() -> usize {
    context!().len() //~ ERROR `context!()` needs a request context
}

fn main() {}
