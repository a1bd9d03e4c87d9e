#![deny(warnings)]

use request_context::{context_async, detached};

/// Forwards its argument, whatever it was rewritten to.
macro_rules! join {
    ($argument:expr) => {
        $argument
    };
}

#[context_async(String)]
async fn index() {
    #[detached]
    let _ready = join!(async {}).await;
}

fn main() {}
