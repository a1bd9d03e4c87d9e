#![deny(warnings)]

use request_context::spawn_detached;

async fn start() {
    spawn_detached(async {}).await.unwrap();
}

fn main() {}
