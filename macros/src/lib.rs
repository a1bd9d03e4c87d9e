//! The attributes of `request-context`. Implementation detail of that crate; do not use directly.

#![forbid(unsafe_code)]

mod args;
mod assignments;
mod block;
mod blocking;
mod combinators;
mod detach;
mod diagnostics;
mod dispatch;
mod expand;
#[cfg(test)]
mod fuzzed;
mod half_typed;
mod impl_trait;
mod instrument;
mod item;
mod parameters;
mod recursion;
mod refuse;
mod rewrite;
mod scope;
mod send_check;
mod trait_calls;
mod validate;
mod words;

use proc_macro::TokenStream;

// Documented where `request-context` exports them: rustdoc would append what stands here.
#[expect(missing_docs)]
#[proc_macro_attribute]
pub fn context_async(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::context_async(args.into(), item.into()).into()
}

#[expect(missing_docs)]
#[proc_macro_attribute]
pub fn detached(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::detached(args.into(), item.into()).into()
}

#[expect(missing_docs)]
#[proc_macro]
pub fn context_block(input: TokenStream) -> TokenStream {
    block::context_block(input.into()).into()
}
