#![deny(warnings)]

use std::{thread, time::Duration};

use request_context::{context_async, context_block};

#[context_async(String, allow(blocking))]
async fn index() {
    thread::sleep(Duration::from_secs(1));
}

fn main() {
    let _work = context_block!(String, allow(blocking), async {
        thread::sleep(Duration::from_secs(1));
    });
}
