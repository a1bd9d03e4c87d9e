#![deny(unused_must_use)]

use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    greeting(); //~ ERROR unused `NeedsContext` that must be used
}

fn main() {}

//~ TWIN ct_21_call_awaited
