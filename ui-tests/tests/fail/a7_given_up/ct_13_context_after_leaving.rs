use request_context::{context, context_async, detached};

async fn leave() {}

#[context_async(String)]
async fn index() {
    drop(context!().len());
    #[detached]
    {
        leave().await;
        drop(context!().len()); //~ ERROR `context!()` cannot be used in a `#[detached]` part
    }
}

fn main() {}

//~ TWIN ct_13_context_after_coming_back
