use std::rc::Rc;

use request_context::context_async;

struct App;

#[context_async(App)]
async fn index(shared: Rc<u32>) {
    //~^ ERROR future cannot be sent between threads safely
    tokio::task::yield_now().await;
    drop(shared);
}

fn main() {}
