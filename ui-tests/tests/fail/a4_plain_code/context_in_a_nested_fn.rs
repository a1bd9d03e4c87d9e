use request_context::{context, context_async};

#[context_async(String)]
async fn greeting() -> usize {
    fn length() -> usize {
        context!().len() //~ ERROR `context!()` needs a request context
    }
    length()
}

fn main() {}

//~ TWIN state_as_an_argument_of_a_sync_fn
