use request_context::{context, context_async, try_with};

#[context_async(String)]
async fn greeting() {}

async fn index() {
    debug_assert!(try_with::<String, _>(|_| ()).is_ok());
    greeting().await; //~ ERROR this call needs a request context
    assert!(try_with::<String, _>(|_| ()).is_ok());
    drop(context!().len()); //~ ERROR `context!()` needs a request context
}

fn main() {}
