#![deny(warnings)]

use request_context::{attach, context, context_async};

struct Defer<F: FnMut()>(F);

impl<F: FnMut()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[context_async(u32)]
async fn greeting() {}

#[context_async(u32)]
async fn index() {
    fn local(state: &u32) -> u32 {
        *state
    }
    let _defer = Defer(|| println!("{}", local(&context!())));
    let outer = || (|| *context!())() + local(&context!());
    let nested = async || (async || attach!(greeting()).await)().await;
    nested().await;
    assert_eq!(outer(), 2 * *context!());
}

fn main() {}
