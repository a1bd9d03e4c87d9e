use request_context::{context, context_async, detached};

async fn load(_: usize) {}

#[context_async(String)]
async fn index() {
    #[detached]
    loop {
        let length = context!().len(); //~ ERROR `context!()` cannot be used in a `#[detached]` part
        load(length).await;
    }
}

fn main() {}

//~ TWIN ct_18_detached_statement_in_a_loop
