use request_context::context_async;

#[context_async]
async fn trace() {}

async fn forgot_the_attribute() {
    trace().await; //~ ERROR this call needs a request context
}

fn main() {}
