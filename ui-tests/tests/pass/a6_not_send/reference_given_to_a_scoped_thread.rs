#![deny(warnings)]

use std::{cell::Cell, thread};

use request_context::{context, context_async};

#[context_async(Cell<u32>)]
async fn index() {
    let count = context!().get();
    thread::scope(|scope| drop(scope.spawn(move || count + 1)));
}

fn main() {}
