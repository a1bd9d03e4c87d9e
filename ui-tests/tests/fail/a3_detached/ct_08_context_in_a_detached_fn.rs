use request_context::{context, detached};

#[detached]
async fn load() -> usize {
    context!().len() //~ ERROR `context!()` cannot be used in a `#[detached]` fn
}

fn main() {}
