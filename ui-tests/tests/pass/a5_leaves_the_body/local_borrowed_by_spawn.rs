#![deny(warnings)]

use request_context::{context_async, scheduler};

struct App;

#[context_async(App)]
async fn greeting(_: String) {}

#[context_async(App)]
async fn index() {
    let user = String::from("ada");
    drop(scheduler!().spawn(greeting(user)));
}

fn main() {}
