#![deny(unused_must_use)]

use request_context::context_block;

struct App;

fn handle() {
    context_block!(App, async {}); //~ ERROR unused `NeedsContext` that must be used
}

fn main() {}
