#![deny(warnings)]

use request_context::{context, context_async, detached};

struct App {
    user: String,
}

trait Greet {
    #[context_async(App)]
    async fn greet(&self) -> usize;
}

impl Greet for App {
    #[context_async(App)]
    async fn greet(&self) -> usize {
        self.user.len() + context!().user.len()
    }
}

#[context_async(App)]
async unsafe fn unchecked() {}

#[detached]
pub async fn load() {}

fn main() {}
