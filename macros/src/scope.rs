//! What generated code inside one body needs to know, and the hidden tokens it is made of.
//!
//! Spans decide what users see. Three kinds are used:
//! - the name of the fn: where `rustc` points when the context would leave the body;
//! - the user's own tokens: where a call is wrong;
//! - the macro's call site, for `unsafe` and its braces, so that `#![forbid(unsafe_code)]` does not count them.

use std::cell::OnceCell;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Expr, Path};

use crate::args::{Krate, State};
use crate::expand::{are_bare, user_block};
use crate::words::Word;

pub(crate) struct Scope {
    pub(crate) krate: Krate,
    pub(crate) state: State,
    /// The span of the fn's name, or of the block's `async`.
    pub(crate) name: Span,
    pub(crate) allow_blocking: bool,
    /// What every await repeats.
    pub(crate) inside: OnceCell<TokenStream>,
}

impl Scope {
    /// The macro's own hygiene and edition, at the fn's name.
    pub(crate) fn here(&self) -> Span {
        Span::call_site().located_at(self.name)
    }

    /// The hidden local that borrows the body, as named at `span`.
    ///
    /// It has the hygiene of the fn's name: in a fn made by a user's `macro_rules!`, a word may come from the
    /// macro's caller and the fn from the macro.
    fn anchor(&self, span: Span) -> Ident {
        Ident::new("the_request_context", span.resolved_at(self.name))
    }

    /// The hidden local for words that may run elsewhere: another one, which messages call the same.
    pub(crate) fn token(&self, span: Span) -> Ident {
        Ident::new("the_request_context", Span::mixed_site().located_at(span))
    }

    // Output: let the_request_context = unsafe { anchor() };
    pub(crate) fn bind_anchor(&self) -> TokenStream {
        let name = self.name;
        let krate = self.krate.at(name);
        let local = self.anchor(name);
        let anchor = without_unsafe_lint(quote_spanned!(name=> #krate::__private::anchor()));
        // Unused where the word is under a `#[cfg]`.
        quote_spanned!(name=> #[allow(unused_variables)] let #local = #anchor;)
    }

    // Output: let the_request_context = unsafe { token::<App>(&the_request_context) };
    pub(crate) fn bind_token(&self) -> TokenStream {
        let local = self.token(self.name);
        let token = without_unsafe_lint(self.found_token(self.name));
        // Unused where the word is under a `#[cfg]`, or in a macro that drops it.
        let allow = quote!(#[allow(unused_assignments, unused_variables)]);
        quote_spanned!(self.name=> #allow let #local = #token;)
    }

    /// The token, for code that the body itself runs: there it is the one of the context that is visible.
    //
    // Output: token::<App>(&the_request_context)
    fn found_token(&self, span: Span) -> TokenStream {
        let krate = self.krate.at(span);
        let anchor = self.anchor(span);
        match &self.state {
            State::Typed(state) => {
                quote_spanned!(span=> #krate::__private::token::<#state>(&#anchor))
            }
            State::Any => quote_spanned!(span=> #krate::__private::any_token(&#anchor)),
        }
    }

    /// A word in code that the body itself runs. Its macro gets nothing that someone else's macro of that name
    /// could take elsewhere; it is there so that its import counts as used, and editors find it.
    //
    // Input:  context!()
    // Output: (*{ context!(@); unsafe { token::<App>(&the_request_context) } })
    pub(crate) fn word_here(
        &self,
        word: Word,
        path: &Path,
        name: &Ident,
        args: &TokenStream,
        end: Span,
    ) -> TokenStream {
        let word_at = name.span();
        let here = Span::call_site().located_at(word_at);
        let krate = self.krate.at(here);
        let mut token = self.found_token(word_at);
        if word == Word::Attach {
            token = quote_spanned!(here=> #krate::__private::attach_to(#token));
        }
        let token = without_unsafe_lint(token);
        let found = quote_spanned!(here=> { #path!(@); #token });
        // What is at the ends is the user's to the eye: there begins, or ends, what errors underline.
        match word {
            Word::Scheduler => {
                let krate = self.krate.at(word_at);
                quote_spanned!(word_at=> #krate::__private::scheduler(#found))
            }
            Word::Attach => {
                let found = group(Delimiter::Parenthesis, found, word_at);
                let args = group(Delimiter::Parenthesis, args.clone(), end);
                quote_spanned!(word_at=> #found.work #args)
            }
            // Parentheses that are needed, around what is not the user's: nobody lints them.
            Word::Context | Word::Block => {
                let place = quote_spanned!(here=> *#found);
                group(Delimiter::Parenthesis, place, word_at).into()
            }
        }
    }

    /// `(unsafe { inside::<App>() })`, the parentheses at `span`.
    fn inside(&self, span: Span) -> TokenTree {
        let inside = self.inside.get_or_init(|| {
            let krate = self.krate.at(Span::call_site());
            without_unsafe_lint(match &self.state {
                State::Typed(state) => quote!(#krate::__private::inside::<#state>()),
                State::Any => quote!(#krate::__private::inside::<#krate::__private::AnyState>()),
            })
        });
        group(Delimiter::Parenthesis, inside.clone(), span)
    }

    // Output: (unsafe { inside::<App>() }).call(EXPR)
    pub(crate) fn call(&self, work: &Expr) -> TokenStream {
        let (first, last) = ends(work);
        let inside = self.inside(first);
        let work = group(Delimiter::Parenthesis, argument(work), last);
        // Not where the call is: editors would find two definitions there.
        let method = Ident::new("call", last);
        quote_spanned!(first=> #inside.#method #work)
    }

    // Output: (__request_context_part).detached(EXPR)
    pub(crate) fn call_detached(&self, guard: &Ident, method: Span, work: &Expr) -> TokenStream {
        let (first, last) = ends(work);
        // The error of a call that may not stand here labels this name, which is where the detached part begins.
        let method = Ident::new("detached", method);
        // In parentheses of the user's span, so that other errors are where the call is.
        let guard = group(Delimiter::Parenthesis, quote!(#guard), first);
        let work = group(Delimiter::Parenthesis, argument(work), last);
        quote_spanned!(first=> #guard.#method #work)
    }

    // Output: ::request_context::attach!(@ the_request_context, EXPR)
    pub(crate) fn attach(&self, work: &Expr) -> TokenStream {
        let (first, last) = ends(work);
        let krate = self.krate.at(Span::call_site().located_at(first));
        let token = self.token(first);
        let args = group(Delimiter::Parenthesis, quote!(@ #token, #work), last);
        let here = Span::call_site().located_at(first);
        quote_spanned!(here=> #krate::attach! #args)
    }
}

// Output: (::request_context::__private::DetachedFnHere).detached(EXPR)
pub(crate) fn off_context(krate: &Krate, begins: Span, work: &Expr) -> TokenStream {
    let (first, last) = ends(work);
    let krate = krate.at(Span::call_site());
    let here = group(
        Delimiter::Parenthesis,
        quote!(#krate::__private::DetachedFnHere),
        first,
    );
    // As in `call_detached`: a method, of which only the name is elsewhere.
    let method = Ident::new("detached", begins);
    let work = group(Delimiter::Parenthesis, argument(work), last);
    quote_spanned!(first=> #here.#method #work)
}

/// An `unsafe` block that holds none of the user's tokens but types, as `unsafe_code` and clippy see it.
pub(crate) fn without_unsafe_lint(call: TokenStream) -> TokenStream {
    quote!(unsafe { #call })
}

/// `{ f() }.await` needs its braces, `call({ f() })` would be linted for them.
fn argument(work: &Expr) -> TokenStream {
    match work {
        Expr::Block(block) if block.attrs.is_empty() && block.label.is_none() => {
            let stmts = &block.block.stmts;
            user_block(block.block.brace_token, quote!(#(#stmts)*), are_bare(stmts))
        }
        _ => quote!(#work),
    }
}

fn group(delimiter: Delimiter, content: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(delimiter, content);
    group.set_span(span);
    group.into()
}

/// The spans of an expression's first and last token: stable Rust cannot join them.
fn ends(expr: &Expr) -> (Span, Span) {
    if let (Some(first), Some(last)) = (first_span(expr), last_span(expr)) {
        return (first, last);
    }
    let mut tokens = quote!(#expr).into_iter();
    let Some(first) = tokens.next() else {
        return (Span::call_site(), Span::call_site());
    };
    let last = tokens.last();
    (
        edge(&first, Group::span_open),
        edge(last.as_ref().unwrap_or(&first), Group::span_close),
    )
}

/// That of what is awaited most; others are looked for in their tokens, of which that makes a copy.
fn first_span(expr: &Expr) -> Option<Span> {
    match expr {
        Expr::Call(call) if call.attrs.is_empty() => first_span(&call.func),
        Expr::MethodCall(call) if call.attrs.is_empty() => first_span(&call.receiver),
        Expr::Field(field) if field.attrs.is_empty() => first_span(&field.base),
        Expr::Path(path) if path.attrs.is_empty() && path.qself.is_none() => {
            let path = &path.path;
            match &path.leading_colon {
                Some(colons) => Some(colons.spans[0]),
                None => path.segments.first().map(|segment| segment.ident.span()),
            }
        }
        _ => None,
    }
}

/// Of parentheses both, as in a copy of the tokens.
fn last_span(expr: &Expr) -> Option<Span> {
    match expr {
        Expr::Call(call) => Some(call.paren_token.span.join()),
        Expr::MethodCall(call) => Some(call.paren_token.span.join()),
        Expr::Path(path) => path.path.get_ident().map(Ident::span),
        _ => None,
    }
}

fn edge(token: &TokenTree, of_group: fn(&Group) -> Span) -> Span {
    match token {
        // An invisible group, made by `$e:expr`, has no edges to point at.
        TokenTree::Group(group) if group.delimiter() != Delimiter::None => of_group(group),
        token => token.span(),
    }
}
