use request_context::{context, context_async, detached};

async fn load(_: usize) {}

#[context_async(String)]
async fn index() {
    #[detached]
    load(context!().len()).await; //~ ERROR `context!()` cannot be used in a `#[detached]` part
}

fn main() {}

//~ TWIN context_before_a_detached_statement
