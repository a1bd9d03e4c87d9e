use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

async fn index() {
    attach!(greeting()).await; //~ ERROR `attach!(..)` needs a request context
}

fn main() {}

//~ TWIN attach_in_a_context_fn
