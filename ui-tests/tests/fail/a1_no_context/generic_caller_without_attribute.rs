use request_context::context_async;

#[context_async(C)]
async fn audit<C: Send>() {}

async fn forgot_the_attribute<C: Send + 'static>() {
    audit::<C>().await; //~ ERROR this call needs a request context
}

fn main() {}
