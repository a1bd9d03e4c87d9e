use request_context::{context, context_async};

#[context_async(String)]
async fn greeting() -> usize {
    fn length() -> usize {
        context!().len() //~ ERROR `context!()` needs a request context
    }
    length()
}

fn main() {}
