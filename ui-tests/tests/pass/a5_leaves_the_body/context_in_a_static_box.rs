#![deny(warnings)]

use request_context::{context, context_async};

fn keep(_: Box<dyn Fn() -> usize + '_>) {}

#[context_async(String)]
async fn index() {
    keep(Box::new(|| context!().len()));
}

fn main() {}
