use std::{cell::Cell, rc::Rc};

use request_context::{context, context_async};

#[context_async(Cell<u32>)]
async fn index() {
    //~^ ERRORS future cannot be sent between threads safely
    let count: &Cell<u32> = &context!();
    let shared = Rc::new(1);
    tokio::task::yield_now().await;
    count.set(*shared);
}

fn main() {}
