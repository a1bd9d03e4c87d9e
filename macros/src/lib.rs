//! The attributes of `request-context`. Implementation detail of that crate; do not use directly.

#![forbid(unsafe_code)]

mod args;
mod block;
mod blocking;
mod combinators;
mod detach;
mod diagnostics;
mod expand;
mod instrument;
mod item;
mod parameters;
mod refuse;
mod rewrite;
mod scope;
mod validate;
mod words;

use proc_macro::TokenStream;

/// An `async fn` that needs a request context: `#[context_async(State)]`, or `#[context_async]` for any state.
///
/// Arguments beside the state: `boxed`, `?Send`, `crate = path`, `allow(blocking)`.
#[proc_macro_attribute]
pub fn context_async(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::context_async(args.into(), item.into()).into()
}

/// An `async fn` that never sees a request context, or such a statement in a `#[context_async]` body.
///
/// Arguments, on a fn only: `?Send`, `crate = path`.
#[proc_macro_attribute]
pub fn detached(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::detached(args.into(), item.into()).into()
}

/// A checked `async` block: `context_block!(State, async move { … })`, or `context_block!(async move { … })`.
#[proc_macro]
pub fn context_block(input: TokenStream) -> TokenStream {
    block::context_block(input.into()).into()
}
