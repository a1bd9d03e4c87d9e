use request_context::{context_async, detached};

struct App;

#[context_async(App)]
async fn greeting() {}

#[detached]
async fn load(fast: bool) {
    if fast {
        tokio::task::yield_now().await;
    } else {
        greeting().await; //~ ERROR this call needs a request context, and the code here is `#[detached]` from it
    }
    let later = async {
        greeting().await; //~ ERROR this call needs a request context, and none is known to be in scope here
    };
    later.await;
}

fn main() {}
