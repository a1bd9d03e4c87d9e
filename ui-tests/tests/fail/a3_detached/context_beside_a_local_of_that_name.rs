use request_context::{context, detached};

#[detached]
async fn index() -> usize {
    let context = "a name of the user's own";
    context.len() + context!().len() //~ ERROR `context!()` cannot be used in a `#[detached]` fn
}

fn main() {}

//~ TWIN context_beside_a_local_of_that_name
