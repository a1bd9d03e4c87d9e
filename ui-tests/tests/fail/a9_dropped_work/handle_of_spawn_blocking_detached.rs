#![deny(unused_must_use)]

use request_context::spawn_blocking_detached;

fn start() {
    spawn_blocking_detached(|| ()); //~ ERROR unused `request_context::JoinHandle` that must be used
}

fn main() {}

//~ TWIN handles_dropped_on_purpose
