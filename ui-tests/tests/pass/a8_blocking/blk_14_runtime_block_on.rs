#![deny(warnings)]

use request_context::context_async;
use tokio::runtime::Handle;

#[context_async(String)]
async fn index(runtime: Handle) {
    let _ = runtime.spawn(async {}).await;
}

fn main() {}
