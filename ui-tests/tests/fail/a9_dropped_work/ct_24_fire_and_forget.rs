#![deny(unused_must_use)]

use request_context::context_async;

struct App;

#[context_async(App)]
async fn audit() {}

fn handle() {
    audit(); //~ ERROR unused `NeedsContext` that must be used
}

fn main() {}

//~ TWIN ct_24_tracked_or_detached
