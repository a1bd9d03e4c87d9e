use std::rc::Rc;

use request_context::context_async;

struct App;

#[context_async(App)]
async fn index() {
    //~^ ERROR future cannot be sent between threads safely
    let shared = Rc::new(1);
    tokio::task::yield_now().await;
    drop(shared);
}

fn main() {}

//~ TWIN rc_in_a_fn_that_says_so
