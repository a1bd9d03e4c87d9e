use request_context::context_async;
use tokio::sync::Mutex;

#[context_async(String)]
async fn index(count: &Mutex<u32>) {
    *count.blocking_lock() += 1; //~ ERROR `blocking_lock` blocks the context this runs on
}

fn main() {}

//~ TWIN the_async_way
