#![deny(warnings)]

use request_context::{context, context_async, detached};

#[context_async(String)]
async fn index() -> usize {
    let context = "a name of the user's own";
    let detached = context.len() + context!().len();
    #[detached]
    let more = detached + 1;
    more
}

fn main() {}
