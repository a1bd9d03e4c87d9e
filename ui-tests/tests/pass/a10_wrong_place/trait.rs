#![deny(warnings)]

use request_context::context_async;

pub struct App;

pub trait Greet {
    #[context_async(App)]
    async fn greet(&self);
}

fn main() {}
