//! The body of a `#[detached]` fn: words, and awaits of what needs a context.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, ExprAsync, ExprClosure, Item, Local, Macro, Path, Stmt, Type};

use crate::args::Krate;
use crate::detach;
use crate::diagnostics::Errors;
use crate::expand::are_bare;
use crate::half_typed::{self, Reader, Statements};
use crate::instrument;
use crate::rewrite::without_parens;
use crate::scope::off_context;
use crate::words::{self, Replacement, Use, Word};

pub(crate) struct Refused {
    pub(crate) body: TokenStream,
    /// Whether it may be a single expression.
    pub(crate) is_bare: bool,
    pub(crate) is_half_typed: bool,
}

/// Puts an error in the place of each word. It has every type there is, so that no other error follows from it.
/// What is awaited goes through a method at the span `begins`, where the detached part begins.
//
// Input:  log(&context!().user).await
// Output: (::request_context::__private::DetachedFnHere).detached(
//             log(&({ use context as _; ::core::compile_error!("…") }).user)
//         ).await
pub(crate) fn what_needs_a_context(
    tokens: TokenStream,
    begins: Span,
    krate: &Krate,
    errors: &mut Errors,
) -> Refused {
    let Statements {
        all: mut stmts,
        are_half_typed,
    } = half_typed::statements(tokens, errors);
    let mut refuser = Refuser {
        begins,
        krate,
        errors,
        is_nested: false,
    };
    for stmt in &mut stmts {
        refuser.visit_stmt_mut(stmt);
    }
    let body = quote!(#(#stmts)*);
    Refused {
        body,
        is_bare: are_bare(&stmts),
        is_half_typed: are_half_typed,
    }
}

struct Refuser<'a> {
    begins: Span,
    krate: &'a Krate,
    errors: &'a mut Errors,
    /// In an `async` block or closure: its awaits are its own.
    is_nested: bool,
}

impl Refuser<'_> {
    fn refusal(&self, mac: &Macro) -> Option<TokenStream> {
        match Word::of_path(&mac.path, self.krate)? {
            (Word::Block, _) => None,
            (_, name) => Some(error(&name, mac.path.to_token_stream())),
        }
    }

    fn words(&self, tokens: TokenStream) -> TokenStream {
        words::in_tokens(tokens, self.krate, &mut |Use { name, path, .. }| {
            Replacement::Whole(error(&name, path))
        })
    }

    fn nested(&mut self, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.is_nested, true);
        visit(self);
        self.is_nested = outer;
    }
}

fn error(name: &Ident, path: TokenStream) -> TokenStream {
    let message = format!(
        "`{name}!()` cannot be used in a `#[detached]` fn; \
         annotate the fn with `#[context_async(State)]` instead, or pass it what it needs"
    );
    let error = quote_spanned!(name.span()=> ::core::compile_error!(#message));
    let import = words::import(&path);
    quote!(({ #import #error }))
}

impl Reader for Refuser<'_> {
    fn statement(&mut self, stmt: &mut Stmt) {
        self.visit_stmt_mut(stmt);
    }

    fn errors(&mut self) -> &mut Errors {
        self.errors
    }
}

impl VisitMut for Refuser<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        let refusal = match expr {
            Expr::Macro(mac) => self.refusal(&mac.mac),
            _ => None,
        };
        if let Some(error) = refusal {
            *expr = Expr::Verbatim(error);
            return;
        }
        visit_mut::visit_expr_mut(self, expr);
        match expr {
            Expr::Await(waiting) if !self.is_nested => {
                let attrs = &waiting.attrs;
                let work = off_context(self.krate, self.begins, without_parens(&waiting.base));
                let (dot, keyword) = (&waiting.dot_token, &waiting.await_token);
                *expr = Expr::Verbatim(quote!(#(#attrs)* #work #dot #keyword));
            }
            Expr::Verbatim(tokens) => {
                let read = half_typed::rewrite(std::mem::take(tokens), self);
                *tokens = self.words(read);
            }
            _ => {}
        }
    }

    fn visit_local_mut(&mut self, local: &mut Local) {
        // `#[instrument]` has put the body into a block, and with `err` or `ret` into two.
        match instrument::wrapper(local) {
            Some(body) if !self.is_nested => visit_mut::visit_block_mut(self, body),
            _ => visit_mut::visit_local_mut(self, local),
        }
    }

    fn visit_expr_async_mut(&mut self, block: &mut ExprAsync) {
        if instrument::is_body(&block.block) {
            return visit_mut::visit_expr_async_mut(self, block);
        }
        self.nested(|this| visit_mut::visit_expr_async_mut(this, block));
    }

    fn visit_expr_closure_mut(&mut self, closure: &mut ExprClosure) {
        self.nested(|this| visit_mut::visit_expr_closure_mut(this, closure));
    }

    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        if let Some(attr) = detach::attribute(stmt, self.krate) {
            let message = "`#[detached]` cannot be used in a `#[detached]` fn, all of which is detached; remove it";
            self.errors.on(attr, message);
        }
        let refusal = match stmt {
            Stmt::Macro(mac) => self.refusal(&mac.mac).map(|error| (error, mac.semi_token)),
            _ => None,
        };
        match refusal {
            // `context!{}` may have statements after it, and no semicolon.
            Some((error, None)) => *stmt = Stmt::Expr(Expr::Verbatim(quote!({ #error })), None),
            Some((error, semi)) => *stmt = Stmt::Expr(Expr::Verbatim(error), semi),
            None => visit_mut::visit_stmt_mut(self, stmt),
        }
    }

    fn visit_macro_mut(&mut self, mac: &mut Macro) {
        if Word::of_path(&mac.path, self.krate).is_none() {
            let tokens = std::mem::take(&mut mac.tokens);
            mac.tokens = self.words(tokens);
        }
    }

    fn visit_item_mut(&mut self, item: &mut Item) {
        if let Item::Macro(item) = item {
            visit_mut::visit_item_macro_mut(self, item);
        }
    }

    fn visit_type_mut(&mut self, _: &mut Type) {}
    fn visit_path_mut(&mut self, _: &mut Path) {}
    fn visit_attribute_mut(&mut self, _: &mut Attribute) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::Block;
    use syn::parse::Parser;

    #[test]
    fn the_body_that_instrument_has_wrapped_is_the_body() {
        let anchor = quote!(if false {
            let __tracing_attr_fake_return = loop {};
        });
        let input = quote! {
            let __tracing_instrument_future = async move {
                match async move { #anchor { a.await } }.await { ok => ok }
            };
        };
        let mut errors = Errors::default();
        let krate = Krate::default();
        let output = what_needs_a_context(input, Span::call_site(), &krate, &mut errors);
        let output = output.body.to_string();
        let checked = quote!(DetachedFnHere).to_string();
        assert_eq!(output.matches(&checked).count(), 2, "{output}");
    }

    #[test]
    fn what_follows_a_word_in_braces_is_still_a_statement() {
        let mut errors = Errors::default();
        let input = quote!(context! {} let a = 1; scheduler! {} a);
        let krate = Krate::default();
        let output = what_needs_a_context(input, Span::call_site(), &krate, &mut errors);
        let stmts = Block::parse_within.parse2(output.body).expect("statements");
        assert_eq!(stmts.len(), 4);
    }

    #[test]
    fn words_become_errors_and_awaits_are_checked() {
        let mut errors = Errors::default();
        let input = quote! {
            a.await;
            context!().b;
            x! { request_context::scheduler!() }
            fn own() { context!() }
            async { b.await };
            context_block!(App, async { context!() })
        };
        let krate = Krate::default();
        let output = what_needs_a_context(input, Span::call_site(), &krate, &mut errors);
        let output = output.body.to_string();
        assert!(errors.is_empty());
        let checked = quote!((::request_context::__private::DetachedFnHere).detached(a).await;);
        assert!(output.starts_with(&checked.to_string()), "{output}");
        assert_eq!(output.matches("compile_error").count(), 2, "{output}");
        assert!(
            output.contains("use request_context :: scheduler as _"),
            "{output}"
        );
        let untouched = quote!(async { b.await }; context_block!(App, async { context!() }));
        assert!(output.ends_with(&untouched.to_string()), "{output}");
    }
}
