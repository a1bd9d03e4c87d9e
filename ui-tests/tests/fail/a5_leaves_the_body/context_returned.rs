use request_context::{CurrentContext, context, context_async};

#[context_async(String)]
async fn index() -> CurrentContext<'static, String> {
    context!() //~ ERROR cannot return value referencing local variable `the_request_context`
}

fn main() {}

//~ TWIN value_returned
