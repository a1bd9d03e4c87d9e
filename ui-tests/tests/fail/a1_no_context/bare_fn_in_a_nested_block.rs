use request_context::context_async;

#[context_async]
async fn trace() {}

#[context_async]
async fn index() {
    let nested = async { trace().await }; //~ ERROR this call needs a request context
    nested.await;
}

fn main() {}

//~ TWIN bare_fn_inside_contexts
