use request_context::context_async;

#[context_async(String)]
async fn index() {
    futures::executor::block_on(async {}); //~ ERROR `block_on` blocks the context this runs on
}

fn main() {}
