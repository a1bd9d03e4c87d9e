#![deny(warnings)]

use request_context::{RequestContext, context_async};

struct App;

#[context_async(App)]
async fn index() {}

#[allow(improper_ctypes_definitions)]
extern "C" fn start(context: &RequestContext<App>) {
    drop(context.scheduler().spawn(index()));
}

fn main() {}
