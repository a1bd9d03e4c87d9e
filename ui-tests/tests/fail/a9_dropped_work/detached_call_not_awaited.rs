#![deny(unused_must_use)]

use request_context::{context_async, detached};

struct App;

#[detached]
async fn load() {}

#[context_async(App)]
async fn index() {
    load(); //~ ERROR unused implementer of `Future` that must be used
}

fn main() {}
