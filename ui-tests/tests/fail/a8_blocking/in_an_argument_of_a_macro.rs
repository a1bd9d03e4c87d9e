use request_context::context_async;
use tokio::sync::Mutex;

#[context_async(String)]
async fn index(count: &Mutex<u32>) -> String {
    format!("{}", count.blocking_lock()) //~ ERROR `blocking_lock` blocks the context this runs on
}

fn main() {}

//~ TWIN the_async_way
