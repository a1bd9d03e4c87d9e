//! What a body may be made of: its context is there after every suspension, whatever stands around it.

#![deny(warnings)]
// Odd code is the subject.
#![allow(
    clippy::all,
    clippy::multiple_unsafe_ops_per_block,
    clippy::todo,
    clippy::undocumented_unsafe_blocks,
    clippy::unimplemented
)]

use request_context::{context, context_async};
use request_context_tests::{Request, seen, suspend};

/// Suspends, and has a context: each call counts, and gives back what it was given.
#[context_async(Request)]
async fn step<T: Send>(value: T) -> T {
    suspend().await;
    assert_eq!(seen(), context!().user);
    context!().increment();
    value
}

#[context_async(Request)]
async fn fails(value: u32) -> Result<u32, String> {
    step(Err(format!("{value} for {}", context!().user))).await
}

/// Runs a call on a context of ada's, and says how often it has stepped.
macro_rules! steps {
    ($call:expr) => {
        ::request_context_tests::on_pool!(2, async {
            let context =
                ::request_context::RequestContext::new(::request_context_tests::Request::of("ada"));
            let output = context.run($call).await;
            assert_eq!(::request_context_tests::seen(), "never");
            (output, context.run($crate::steps_of()).await)
        })
    };
}

#[context_async(Request)]
async fn steps_of() -> u32 {
    context!().count.get()
}

mod blocks;
mod combinators;
mod detached_parts;
mod flow;
mod items;
mod macros;
mod names;
