use request_context::{context_async, detached};

struct App;

async fn load() {}

#[context_async(App)]
async fn index() {
    let nested = async {
        #[detached] //~ ERROR `#[detached]` cannot be used in a nested `async` block or closure
        load().await;
    };
    nested.await;
}

fn main() {}
