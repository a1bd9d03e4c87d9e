#![deny(unused_must_use)]

use request_context::{context_async, scheduler};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    scheduler!().spawn(greeting()); //~ ERROR unused `request_context::JoinHandle` that must be used
}

fn main() {}

//~ TWIN handles_dropped_on_purpose
