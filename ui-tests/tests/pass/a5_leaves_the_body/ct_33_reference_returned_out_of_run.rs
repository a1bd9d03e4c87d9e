#![deny(warnings)]

use std::cell::Cell;

use request_context::{RequestContext, context, context_block};

async fn handle(context: RequestContext<Cell<u32>>) {
    let count: u32 = context
        .run(context_block!(Cell<u32>, async { context!().get() }))
        .await;
    println!("{count}");
}

fn main() {}
