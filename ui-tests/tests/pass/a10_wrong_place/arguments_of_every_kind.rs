#![deny(warnings)]

use request_context::{context_async, context_block, detached};

struct App;

#[context_async(App, boxed, ?Send, allow(blocking), crate = ::request_context,)]
async fn all() {}

#[context_async(boxed)]
async fn bare() {}

#[detached(?Send, crate = request_context)]
async fn load() {}

fn checked() {
    drop(context_block!(crate = request_context, App, async {},));
    drop(context_block!(async move {}));
}

fn main() {}
