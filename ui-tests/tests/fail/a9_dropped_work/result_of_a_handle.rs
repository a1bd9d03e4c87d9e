#![deny(unused_must_use)]

use request_context::spawn_detached;

async fn start() {
    spawn_detached(async {}).await; //~ ERROR unused `Result` that must be used
}

fn main() {}
