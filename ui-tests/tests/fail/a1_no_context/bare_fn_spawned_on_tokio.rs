use request_context::context_async;

#[context_async]
async fn trace() {}

fn start() {
    drop(tokio::spawn(trace())); //~ ERROR this call needs a request context
}

fn main() {}

//~ TWIN bare_fn_inside_contexts
