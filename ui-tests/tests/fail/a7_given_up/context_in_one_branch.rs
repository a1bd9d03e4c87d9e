use request_context::{context, context_async, detached};

async fn load(_: usize) {}

#[context_async(String)]
async fn index(fast: bool) {
    if fast {
        #[detached]
        load(context!().len()).await; //~ ERROR `context!()` cannot be used in a `#[detached]` part
    }
    load(context!().len()).await;
}

fn main() {}

//~ TWIN context_in_the_other_branch
