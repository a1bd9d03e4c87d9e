//! Whether the future of a `#[detached]` fn is `Send`, checked at the fn.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::Parser;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, FnArg, Item, Macro, Path, Signature, Token};

use crate::args::Krate;
use crate::parameters::{is_cfg, mentions};
use crate::{recursion, trait_calls};

pub(crate) enum SendCheck {
    /// It need not be.
    Off,
    /// It is to be.
    Always,
    /// It is to be where all that the fn captures is, by the bounds of the fn, which the compiler knows.
    ByBounds { this: Option<Ident> },
}

impl SendCheck {
    pub(crate) fn of(sig: &Signature, body: &TokenStream) -> Self {
        // A fn cannot ask about itself in its own body, and of a trait's fns the bounds say nothing.
        if recursion::is_possible(sig, body) || trait_calls::are_awaited(sig, body) {
            return SendCheck::Off;
        }
        let this = match Knows::the_type(sig, body) {
            Knows::Self_(this) => Some(this),
            Knows::Nothing => None,
            Knows::Perhaps => return SendCheck::Off,
        };
        let has_types = sig.generics.type_params().next().is_some()
            || mentions(sig.inputs.to_token_stream(), "impl");
        match this.is_some() || has_types {
            true => SendCheck::ByBounds { this },
            false => SendCheck::Always,
        }
    }

    /// The call that makes `future` the body of the fn, whose parameters all have a name by now.
    //
    // Input:  async fn load<T>(&self, key: T)
    // Output: {
    //             let __request_context_captures = ::request_context::__private::Captures::<Self, _>::OF_FN;
    //             if false {
    //                 let __request_context_captured = ();
    //                 let __request_context_captured = (__request_context_captured, ::core::marker::PhantomData::<T>);
    //                 let __request_context_captured = (__request_context_captured, self);
    //                 let __request_context_captured = (__request_context_captured, key);
    //                 __request_context_captures.are(__request_context_captured);
    //             }
    //             __request_context_captures.detached_fn(async move { .. })
    //         }
    pub(crate) fn call(&self, sig: &Signature, krate: &Krate, future: TokenStream) -> TokenStream {
        // `Location::caller()` is the fn's name, and so is the place of errors.
        let name = sig.ident.span();
        let krate = krate.at(name);
        let this = match self {
            SendCheck::Off => {
                return quote_spanned!(name=> #krate::__private::detached_fn(#future));
            }
            SendCheck::Always => {
                return quote_spanned!(name=> #krate::__private::detached_fn_send(#future));
            }
            SendCheck::ByBounds { this } => this,
        };
        let here = Span::mixed_site().located_at(name);
        let captures = Ident::new("__request_context_captures", here);
        let captured = Ident::new("__request_context_captured", here);
        let mut all = quote_spanned!(here=> let #captured = (););
        let mut add = |cfg: TokenStream, value: TokenStream| {
            all.extend(quote_spanned!(here=> #cfg let #captured = (#captured, #value);));
        };
        for parameter in sig.generics.type_params() {
            let ty = &parameter.ident;
            add(
                cfg_of(&parameter.attrs),
                quote_spanned!(here=> ::core::marker::PhantomData::<#ty>),
            );
        }
        for input in &sig.inputs {
            let (attrs, name) = match input {
                FnArg::Receiver(receiver) => {
                    (&receiver.attrs, receiver.self_token.to_token_stream())
                }
                FnArg::Typed(typed) => (&typed.attrs, typed.pat.to_token_stream()),
            };
            add(cfg_of(attrs), name);
        }
        let this = match this {
            Some(this) => quote!(#this),
            None => quote_spanned!(here=> ()),
        };
        let made = quote_spanned!(name=> #captures.detached_fn(#future));
        quote_spanned! {here=>
            {
                let #captures = #krate::__private::Captures::<#this, _>::OF_FN;
                // Never reached, so nothing is moved: it only tells the compiler the types.
                if false {
                    #all
                    #captures.are(#captured);
                }
                #made
            }
        }
    }
}

fn cfg_of(attrs: &[Attribute]) -> TokenStream {
    let cfg = attrs.iter().filter(|attr| is_cfg(attr));
    quote!(#(#cfg)*)
}

/// What the fn knows of the type that it may be a part of.
enum Knows {
    Nothing,
    Self_(Ident),
    /// A macro may.
    Perhaps,
}

impl Knows {
    fn the_type(sig: &Signature, body: &TokenStream) -> Self {
        if let Some(receiver) = sig.receiver() {
            let span = receiver.self_token.span;
            return Knows::Self_(Ident::from(Token![Self](span)));
        }
        if let Some(this) = find(sig.to_token_stream(), "Self") {
            return Knows::Self_(this);
        }
        if !mentions(body.clone(), "Self") {
            return Knows::Nothing;
        }
        let mut found = Found(Knows::Nothing);
        for stmt in Block::parse_within.parse2(body.clone()).unwrap_or_default() {
            found.visit_stmt(&stmt);
        }
        found.0
    }
}

/// Looks for `Self` in a body, where items inside have their own.
struct Found(Knows);

impl<'ast> Visit<'ast> for Found {
    fn visit_path(&mut self, path: &'ast Path) {
        match path.segments.first() {
            Some(first) if first.ident == "Self" => self.0 = Knows::Self_(first.ident.clone()),
            _ => visit::visit_path(self, path),
        }
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        if let (Knows::Nothing, true) = (&self.0, mentions(mac.tokens.clone(), "Self")) {
            self.0 = Knows::Perhaps;
        }
    }

    fn visit_item(&mut self, _: &'ast Item) {}
}

fn find(tokens: TokenStream, word: &str) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == word => Some(ident),
        TokenTree::Group(group) => find(group.stream(), word),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn check(sig: Signature, body: TokenStream) -> &'static str {
        match SendCheck::of(&sig, &body) {
            SendCheck::Off => "off",
            SendCheck::Always => "always",
            SendCheck::ByBounds { this: None } => "by bounds",
            SendCheck::ByBounds { this: Some(_) } => "by bounds, in a type",
        }
    }

    #[test]
    fn only_the_compiler_knows_the_types_of_some_fns() {
        let check = |sig| check(sig, TokenStream::new());
        assert_eq!(check(parse_quote!(async fn f(a: &str))), "always");
        let sig = parse_quote!(async fn f<'a, const N: usize>(a: &'a [u8; N]) -> impl Sized);
        assert_eq!(check(sig), "always");
        assert_eq!(check(parse_quote!(async fn f<T>())), "by bounds");
        let sig = parse_quote!(async fn f(a: Vec<(u8, impl Sized)>));
        assert_eq!(check(sig), "by bounds");
        assert_eq!(
            check(parse_quote!(async fn f(&self))),
            "by bounds, in a type"
        );
        let sig = parse_quote!(async fn f<T>(self: &Arc<Self>));
        assert_eq!(check(sig), "by bounds, in a type");
        assert_eq!(
            check(parse_quote!(async fn f() -> Self)),
            "by bounds, in a type"
        );
    }

    #[test]
    fn a_body_may_say_that_the_fn_is_of_a_type() {
        let check = |body| check(parse_quote!(async fn f()), body);
        assert_eq!(check(quote!(a::<Self>().await)), "by bounds, in a type");
        assert_eq!(check(quote!(Self { a }.b)), "by bounds, in a type");
        assert_eq!(
            check(quote!(impl A { fn b() -> Self { Self } } A::b())),
            "always"
        );
        assert_eq!(check(quote!(a!(Self::B))), "off");
        assert_eq!(
            check(quote!(a!(Self::B); Self::c())),
            "by bounds, in a type"
        );
    }
}
