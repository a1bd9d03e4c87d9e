use request_context::context;

const LENGTH: usize = context!().len(); //~ ERROR `context!()` needs a request context

fn main() {}
