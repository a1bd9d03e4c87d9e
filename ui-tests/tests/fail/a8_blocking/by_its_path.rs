use request_context::{JoinHandle, context_async};

#[context_async(String)]
async fn index(handle: JoinHandle<()>) {
    let _ = JoinHandle::blocking_join(handle); //~ ERROR `blocking_join` blocks the context this runs on
}

fn main() {}
