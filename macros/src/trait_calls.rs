//! Awaits of what a generic argument's own trait gives. Of a plain `async fn` of a trait, nobody knows whether its
//! future is `Send` before the implementation is known.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::Parser;
use syn::visit::{self, Visit};
use syn::{
    Block, ExprAwait, FnArg, Item, Local, Macro, PatIdent, Path, Signature, TraitBound,
    WherePredicate,
};

use crate::parameters::mentions;

/// Traits that have no `async fn`.
#[rustfmt::skip]
const SYNC: &[&str] = &[
    "Any", "AsMut", "AsRef", "AsyncBufRead", "AsyncRead", "AsyncSeek", "AsyncWrite", "Borrow", "BorrowMut", "Clone",
    "Copy", "Debug", "Default", "Deref", "DerefMut", "Deserialize", "DeserializeOwned", "Display",
    "DoubleEndedIterator", "Eq", "Error", "ExactSizeIterator", "Extend", "Fn", "FnMut", "FnOnce", "From",
    "FromIterator", "FromStr", "Future", "Hash", "Into", "IntoFuture", "IntoIterator", "Iterator", "Ord", "PartialEq",
    "PartialOrd", "Send", "Serialize", "Sink", "Sized", "Stream", "Sync", "ToOwned", "ToString", "TryFrom", "TryInto",
    "Unpin",
];

/// Macros that await what they are given.
const AWAITING: &[&str] = &["join", "select", "select_biased", "try_join"];

/// Whether the body may await what another trait than those of `SYNC` gives for an argument or a type parameter.
pub(crate) fn are_awaited(sig: &Signature, body: &TokenStream) -> bool {
    let names = of_other_traits(sig);
    if names.is_empty() {
        return false;
    }
    let mut awaits = Awaits {
        names,
        found: false,
    };
    for stmt in Block::parse_within.parse2(body.clone()).unwrap_or_default() {
        awaits.visit_stmt(&stmt);
    }
    awaits.found
}

/// The type parameters that have another trait, and the arguments that have their types or their own.
fn of_other_traits(sig: &Signature) -> Vec<String> {
    let mut names = Vec::new();
    for parameter in sig.generics.type_params() {
        let name = parameter.ident.to_string();
        let mut bounds = Bounds::default();
        bounds.visit_type_param(parameter);
        for predicate in sig.generics.where_clause.iter().flat_map(|c| &c.predicates) {
            match predicate {
                WherePredicate::Type(of) if mentions(of.bounded_ty.to_token_stream(), &name) => {
                    bounds.visit_predicate_type(of);
                }
                _ => {}
            }
        }
        if bounds.has_other {
            names.push(name);
        }
    }
    for input in &sig.inputs {
        if let FnArg::Typed(typed) = input {
            let mut bounds = Bounds::default();
            bounds.visit_type(&typed.ty);
            let ty = typed.ty.to_token_stream();
            if bounds.has_other || names.iter().any(|name| mentions(ty.clone(), name)) {
                Bindings(&mut names).visit_pat(&typed.pat);
            }
        }
    }
    names
}

#[derive(Default)]
struct Bounds {
    has_other: bool,
}

impl<'ast> Visit<'ast> for Bounds {
    fn visit_trait_bound(&mut self, bound: &'ast TraitBound) {
        self.has_other |= !is_one_of(&bound.path, SYNC);
        visit::visit_trait_bound(self, bound);
    }
}

struct Bindings<'a>(&'a mut Vec<String>);

impl<'ast> Visit<'ast> for Bindings<'_> {
    fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
        self.0.push(pat.ident.to_string());
        visit::visit_pat_ident(self, pat);
    }
}

struct Awaits {
    names: Vec<String>,
    found: bool,
}

impl Awaits {
    fn mentioned_in(&self, tokens: TokenStream) -> bool {
        let mut names = self.names.iter();
        names.any(|name| mentions(tokens.clone(), name))
    }
}

impl<'ast> Visit<'ast> for Awaits {
    fn visit_expr_await(&mut self, awaited: &'ast ExprAwait) {
        self.found |= self.mentioned_in(awaited.base.to_token_stream());
        visit::visit_expr_await(self, awaited);
    }

    /// A future may get a name of its own before it is awaited.
    fn visit_local(&mut self, local: &'ast Local) {
        visit::visit_local(self, local);
        if local
            .init
            .as_ref()
            .is_some_and(|init| self.mentioned_in(init.expr.to_token_stream()))
        {
            Bindings(&mut self.names).visit_pat(&local.pat);
        }
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        let awaits = is_one_of(&mac.path, AWAITING) || mentions(mac.tokens.clone(), "await");
        self.found |= awaits && self.mentioned_in(mac.tokens.clone());
    }

    fn visit_item(&mut self, _: &'ast Item) {}
}

fn is_one_of(path: &Path, names: &[&str]) -> bool {
    let last = path.segments.last();
    last.is_some_and(|last| names.iter().any(|name| last.ident == name))
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse_quote;

    use super::*;

    #[test]
    fn what_is_awaited_may_be_a_traits() {
        let sig: [Signature; 4] = [
            parse_quote!(async fn f<R: Repo + Send + Sync>(r: &R, id: u8)),
            parse_quote!(async fn f<R>(a::B { r, .. }: &B<R>, id: u8) where Vec<R>: a::Repo<u8>),
            parse_quote!(async fn f((r, _): (&impl Repo, u8), id: u8)),
            parse_quote!(async fn f(r: &impl Iterator<Item = impl Repo>, id: u8)),
        ];
        for sig in sig {
            assert!(are_awaited(&sig, &quote!(r.find(id).await)));
            assert!(are_awaited(
                &sig,
                &quote!(all(a.map(async || b(&r).await)).await)
            ));
            assert!(are_awaited(
                &sig,
                &quote!(let (a, b) = (r.find(1), 2); loop { a.await })
            ));
            assert!(are_awaited(&sig, &quote!(tokio::join!(r.find(id)))));
            assert!(are_awaited(&sig, &quote!(println!("{}", r.find(id).await))));
            assert!(!are_awaited(
                &sig,
                &quote!(println!("{}", r.name()); a(id).await)
            ));
            assert!(!are_awaited(
                &sig,
                &quote!(
                    fn a() {
                        r.find().await
                    }
                )
            ));
        }
        let sig = parse_quote!(async fn f<R: Repo>());
        assert!(are_awaited(&sig, &quote!(R::find().await)));
    }

    #[test]
    fn what_is_awaited_is_not_a_traits() {
        let sig: [Signature; 3] = [
            parse_quote!(async fn f<R: std::fmt::Debug + ?Sized + 'static>(r: &R)),
            parse_quote!(async fn f<R>(r: R) where R: Future<Output: Send> + Send),
            parse_quote!(async fn f<S: Repo>(r: impl Fn(u8) -> u8)),
        ];
        for sig in sig {
            assert!(!are_awaited(&sig, &quote!(r.find().await)));
        }
    }
}
