use request_context::{Scheduler, context_async};

#[context_async(String)]
async fn index(other: Scheduler<u32>) {
    let _ = other.blocking_send(|count| *count); //~ ERROR `blocking_send` blocks the context this runs on
}

fn main() {}

//~ TWIN the_async_way
