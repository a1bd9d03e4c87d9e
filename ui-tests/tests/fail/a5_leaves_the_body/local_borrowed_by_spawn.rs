use request_context::{context_async, scheduler};

struct App;

#[context_async(App)]
async fn greeting(_: &str) {}

#[context_async(App)]
async fn index() {
    let user = String::from("ada");
    drop(scheduler!().spawn(greeting(&user))); //~ ERROR `user` does not live long enough
}

fn main() {}
