#![deny(warnings)]

use request_context::detached;

struct App;

#[detached]
async fn load() {
    drop(App);
}

fn main() {}
