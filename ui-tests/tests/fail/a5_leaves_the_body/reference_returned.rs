use request_context::{context, context_async};

#[context_async(String)]
async fn index() -> &'static str {
    context!().as_str() //~ ERROR cannot return value referencing local variable `the_request_context`
}

fn main() {}

//~ TWIN value_returned
