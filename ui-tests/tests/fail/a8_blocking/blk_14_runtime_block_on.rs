use request_context::context_async;
use tokio::runtime::Handle;

#[context_async(String)]
async fn index(runtime: Handle) {
    runtime.block_on(async {}); //~ ERROR `block_on` blocks the context this runs on
}

fn main() {}
