use request_context::context_async;
use tokio::sync::oneshot::Receiver;

#[context_async(String)]
async fn index(receiver: Receiver<()>) {
    let _ = receiver.blocking_recv(); //~ ERROR `blocking_recv` blocks the context this runs on
}

fn main() {}

//~ TWIN the_async_way
