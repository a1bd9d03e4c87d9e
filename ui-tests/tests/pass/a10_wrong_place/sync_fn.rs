#![deny(warnings)]

use request_context::{context, context_async};

struct App;

fn audit(_: &App) {}

#[context_async(App)]
async fn index() {
    audit(&context!());
}

fn main() {}
