use std::rc::Rc;

use request_context::detached;

#[detached]
async fn load() {
    //~^ ERROR future cannot be sent between threads safely
    let shared = Rc::new(1);
    tokio::task::yield_now().await;
    drop(shared);
}

fn main() {}

//~ TWIN rc_in_a_detached_fn_that_says_so
