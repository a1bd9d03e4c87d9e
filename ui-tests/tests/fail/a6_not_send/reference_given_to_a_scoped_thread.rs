use std::{cell::Cell, thread};

use request_context::{context, context_async};

#[context_async(Cell<u32>)]
async fn index() {
    let count: &Cell<u32> = &context!();
    thread::scope(|scope| drop(scope.spawn(|| count.set(1)))); //~ ERROR `Cell<u32>` cannot be shared between threads safely
}

fn main() {}
