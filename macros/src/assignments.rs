//! Assignments to fields of a `self` that the body owns.
//!
//! Of what an `async` block has captured rustc thinks that nobody reads it any more, also where a destructor does, and
//! warns. In an `async fn` it does not, and `self` is the one argument that cannot be moved into a variable.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::Parser;
use syn::visit_mut::{self, VisitMut};
use syn::{BinOp, Block, Expr, ExprAsync, ExprClosure, Item, Signature};

/// Takes that warning, and no other, off the body of a fn with this signature.
//
// Input:  self.open = false;
// Output: { #[allow(unused_assignments)] { self.open = false; } };
pub(crate) fn to_own_self(sig: &Signature, body: TokenStream) -> TokenStream {
    let receiver = sig.receiver();
    if receiver.is_none_or(|this| this.mutability.is_none()) {
        return body;
    }
    let Ok(mut stmts) = Block::parse_within.parse2(body.clone()) else {
        return body;
    };
    for stmt in &mut stmts {
        Quiet.visit_stmt_mut(stmt);
    }
    quote!(#(#stmts)*)
}

struct Quiet;

impl VisitMut for Quiet {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        if assigned(expr).is_some_and(is_of_self) {
            *expr = Expr::Verbatim(quote!({
                #[allow(unused_assignments)]
                { #expr; }
            }));
        }
    }

    // What they capture is theirs, and rustc says the same of it in an `async fn`.
    fn visit_expr_async_mut(&mut self, _: &mut ExprAsync) {}

    fn visit_expr_closure_mut(&mut self, _: &mut ExprClosure) {}

    fn visit_item_mut(&mut self, _: &mut Item) {}
}

fn assigned(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Assign(assign) => Some(&assign.left),
        Expr::Binary(binary) if is_assignment(&binary.op) => Some(&binary.left),
        _ => None,
    }
}

fn is_assignment(op: &BinOp) -> bool {
    let op = op.to_token_stream().to_string();
    op.ends_with('=') && !["==", "<=", ">=", "!="].contains(&op.as_str())
}

fn is_of_self(place: &Expr) -> bool {
    match place {
        Expr::Field(field) => is_of_self(&field.base),
        Expr::Path(path) => path.path.is_ident("self"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn only_those_to_fields_of_a_self_that_is_owned() {
        let quiet = quote!({
            #[allow(unused_assignments)]
            {
                self.a.b <<= f().await;
            }
        });
        let body = |assignment: TokenStream| quote!(if self.a == 1 { #assignment; } other.a = 1; let f = |_| self.a = 1;);
        let plain = quote!(self.a.b <<= f().await);
        let of = |sig| to_own_self(&sig, body(plain.clone())).to_string();
        assert_eq!(
            of(parse_quote!(async fn f(mut self))),
            body(quiet).to_string()
        );
        assert_eq!(
            of(parse_quote!(async fn f(&mut self))),
            body(plain.clone()).to_string()
        );
        assert_eq!(
            of(parse_quote!(async fn f(mut a: A))),
            body(plain.clone()).to_string()
        );
    }
}
