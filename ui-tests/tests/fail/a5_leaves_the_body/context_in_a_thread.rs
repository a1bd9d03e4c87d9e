use request_context::{context, context_async};

#[context_async(String)]
async fn index() {
    //~^ ERROR `the_request_context` does not live long enough
    drop(std::thread::spawn(|| context!().len()));
}

fn main() {}
