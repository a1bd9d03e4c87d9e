#![deny(unused_must_use)]

use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    attach!(greeting()); //~ ERROR unused `Attached` that must be used
}

fn main() {}
