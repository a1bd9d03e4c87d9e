use request_context::{context, context_async};

fn keep(_: Box<dyn Fn() -> usize>) {}

#[context_async(String)]
async fn index() {
    //~^ ERROR `the_request_context` does not live long enough
    keep(Box::new(|| context!().len()));
}

fn main() {}
