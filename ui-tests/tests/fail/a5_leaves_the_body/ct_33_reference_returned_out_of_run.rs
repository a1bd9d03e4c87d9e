use std::cell::Cell;

use request_context::{RequestContext, context, context_block};

async fn handle(context: RequestContext<Cell<u32>>) {
    let count: &Cell<u32> = context
        .run(context_block!(Cell<u32>, async { &*context!() })) //~ ERROR cannot return value referencing local variable `the_request_context`
        .await;
    count.set(1);
}

fn main() {}
