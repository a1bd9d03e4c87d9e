use std::rc::Rc;

use request_context::detached;

#[detached]
async fn keep<T: Send>(value: T) -> (T, u8) {
    //~^ ERROR future cannot be sent between threads safely
    let shared = Rc::new(1);
    tokio::task::yield_now().await;
    (value, *shared)
}

fn main() {}
