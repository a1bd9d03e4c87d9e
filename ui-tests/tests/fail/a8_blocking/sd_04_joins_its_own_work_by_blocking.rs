use request_context::{context_async, scheduler};

#[context_async(String)]
async fn index() {
    let _ = scheduler!().spawn(async {}).blocking_join(); //~ ERROR `blocking_join` blocks the context this runs on
}

fn main() {}

//~ TWIN the_async_way
