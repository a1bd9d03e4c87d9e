//! `#[tracing::instrument]` above or below ours.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Block, Expr, Local, Pat, Stmt};

use crate::item::{FnItem, is_named};

/// The local that holds the user's body once `instrument` has expanded.
const FUTURE: &str = "__tracing_instrument_future";
/// The anchor of the return type, the first statement beside the user's body.
const ANCHOR: &str = "__tracing_attr_fake_return";

/// Puts `instrument` first when it stands below: it needs the `async` that ours takes away.
//
// Input:  #[context_async(App)] #[instrument(skip(id))] async fn f(id: u64) { … }
// Output: #[instrument(skip(id))] #[context_async(App)] async fn f(id: u64) { … }
pub(crate) fn first(item: &mut FnItem, ours: &TokenStream) -> Option<TokenStream> {
    let is_async = item.sig.asyncness.is_some() || item.is_of_async_trait();
    if !is_async || !item.attrs.iter().any(is_instrument) {
        return None;
    }
    let (instrument, others): (Vec<_>, Vec<_>) = std::mem::take(&mut item.attrs)
        .into_iter()
        .partition(is_instrument);
    Some(quote!(#(#instrument)* #[#ours] #(#others)* #item))
}

fn is_instrument(attr: &Attribute) -> bool {
    is_named(attr, &["instrument"])
}

/// The `async` block that `instrument` wrapped the body in, if `local` is its binding.
pub(crate) fn wrapper(local: &mut Local) -> Option<&mut Block> {
    let named = matches!(&local.pat, Pat::Ident(pat) if pat.ident == FUTURE);
    match &mut *local.init.as_mut()?.expr {
        Expr::Async(wrapper) if named => Some(&mut wrapper.block),
        _ => None,
    }
}

/// Whether a block in the wrapper, or the wrapper itself, is where the user's body begins.
///
/// With `err` or `ret` the body is one `async` block deeper than the wrapper. Versions that anchor nothing have it
/// in the wrapper.
pub(crate) fn is_body(block: &Block) -> bool {
    let Some(Stmt::Expr(Expr::If(anchor), _)) = block.stmts.first() else {
        return false;
    };
    match anchor.then_branch.stmts.first() {
        Some(Stmt::Local(local)) => mentions_anchor(local.pat.to_token_stream()),
        _ => false,
    }
}

pub(crate) fn has_body(block: &Block) -> bool {
    mentions_anchor(block.to_token_stream())
}

fn mentions_anchor(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == ANCHOR,
        TokenTree::Group(group) => mentions_anchor(group.stream()),
        _ => false,
    })
}
