#![deny(warnings)]

use request_context::context_async;

struct Mailbox;

impl Mailbox {
    async fn blocking_send(&self) {}
}

#[context_async(String)]
async fn index(mailbox: &Mailbox) {
    mailbox.blocking_send().await;
}

fn main() {}
