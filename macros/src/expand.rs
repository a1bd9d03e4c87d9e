//! What the attributes turn a fn into.

use std::cell::OnceCell;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::token::{Brace, Paren};
use syn::visit_mut::{self, VisitMut};
use syn::{ReturnType, Signature, Stmt, Token, Type, TypeInfer, TypeTuple, WhereClause};

use crate::args::{ContextArgs, DetachedArgs, Krate, State};
use crate::diagnostics::Errors;
use crate::item::{Body, FnItem, Item};
use crate::scope::Scope;
use crate::send_check::SendCheck;
use crate::validate::{self, Verdict};
use crate::{
    assignments, dispatch, half_typed, impl_trait, instrument, parameters, refuse, rewrite,
};

pub(crate) fn context_async(args: TokenStream, input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let parsed = ContextArgs::parse(args.clone(), &mut errors);
    let krate = parsed.krate.at(Span::call_site());
    let mut item = match the_fn("#[context_async]", &input, &mut errors) {
        Some(item) => item,
        None => return quote!(#errors #input),
    };
    if let Some(reordered) = instrument::first(&mut item, &quote!(#krate::context_async(#args))) {
        return reordered;
    }
    match validate::context_fn(&mut item, &mut errors) {
        Verdict::Expand => context_fn(parsed, *item, &mut errors),
        Verdict::ExpandInside => {
            let inner = context_fn(parsed, *item, &mut errors);
            quote!(fn main() { #[allow(dead_code)] #inner })
        }
        Verdict::Unchanged | Verdict::ExpandBox => quote!(#errors #item),
    }
}

pub(crate) fn detached(args: TokenStream, input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let parsed = DetachedArgs::parse(args.clone(), &mut errors);
    let krate = parsed.krate.at(Span::call_site());
    let mut item = match the_fn("#[detached]", &input, &mut errors) {
        Some(item) => item,
        None => return quote!(#errors #input),
    };
    if let Some(reordered) = instrument::first(&mut item, &quote!(#krate::detached(#args))) {
        return reordered;
    }
    match validate::detached_fn(&mut item, &mut errors) {
        Verdict::Unchanged => quote!(#errors #item),
        Verdict::ExpandBox => detached_box(&parsed, *item, &mut errors),
        Verdict::Expand | Verdict::ExpandInside => detached_fn(&parsed, *item, &mut errors),
    }
}

fn the_fn(attribute: &str, input: &TokenStream, errors: &mut Errors) -> Option<Box<FnItem>> {
    match Item::parse(input.clone()) {
        Item::Fn(item) => return Some(item),
        Item::Other(keyword) => errors.at(keyword.span(), validate::not_a_fn(attribute, &keyword)),
        Item::Unreadable(error) => errors.push(error),
    }
    None
}

// Input:  #[context_async(App)]
//         async fn greeting(id: u64) -> String { load(id).await }
//
// Output: fn greeting(id: u64) -> ::request_context::NeedsContext<App, impl Future<Output = String> + Send> {
//             ::request_context::__private::needs_context::<App, _>(async move {
//                 if false { return ::request_context::__private::returned::<String>(); }
//                 let id = id;
//                 { const _: () = ();
//                   (unsafe { ::request_context::__private::inside::<App>() }).call(load(id)).await }
//             })
//         }
fn context_fn(args: ContextArgs, mut item: FnItem, errors: &mut Errors) -> TokenStream {
    let scope = Scope {
        krate: args.krate,
        state: args.state,
        name: item.sig.ident.span(),
        allow_blocking: args.allow_blocking,
        inside: OnceCell::new(),
    };
    // Edition 2024 whatever the user's is: there `impl Future` captures every lifetime, as an `async fn` does.
    let here = scope.here();
    let krate = scope.krate.at(here);

    impl_trait::name_lifetimes(&mut item.sig, here);
    let call = args
        .boxed
        .filter(|_| dispatch::is_possible(&item.sig))
        .map(|boxed| dispatch::lifetime_of_call(&mut item.sig, here, boxed));
    let output = output_of(&item.sig);
    let never = matches!(output, Type::Never(_));
    let output_type = if never {
        quote_spanned!(here=> #krate::__private::Never)
    } else {
        quote!(#output)
    };
    let send = (!args.not_send).then(|| quote_spanned!(here=> + ::core::marker::Send));
    let future = quote_spanned!(here=> ::core::future::Future<Output = #output_type> #send);
    let future = match &call {
        Some(call) => quote_spanned!(here=> #krate::__private::Boxed<dyn #future + #call>),
        None => quote_spanned!(here=> impl #future),
    };

    item.sig.asyncness = None;
    let (returned, constructor) = match &scope.state {
        State::Typed(state) => (
            quote_spanned!(here=> #krate::NeedsContext<#state, #future>),
            quote_spanned!(here=> #krate::__private::needs_context::<#state, _>),
        ),
        State::Any => (
            quote_spanned!(here=> #krate::NeedsAnyContext<#future>),
            quote_spanned!(here=> #krate::__private::needs_any_context),
        ),
    };
    item.sig.output = ReturnType::Type(Token![->](here), Box::new(Type::Verbatim(returned)));

    let mut yields = None;
    if let Body::Block(brace, tokens) = &mut item.body {
        // Linted in an `async` block, not in the `async fn` that this stands for.
        yields = Some(quote_spanned!(here=> #[allow(clippy::async_yields_async)]));
        let parameters = parameters::move_into_body(&mut item.sig);
        let body = assignments::to_own_self(&item.sig, std::mem::take(tokens));
        let rewritten = rewrite::body(body, &scope, errors);
        let token = rewritten.uses.bind(&scope);
        let anchor = return_anchor(&output, &scope.krate);
        let body = errors.with_imports(rewritten.body);
        let braces = half_typed::braces(*brace, rewritten.is_half_typed);
        let user = user_block(braces, body, rewritten.is_bare);
        let mut future = quote_spanned!(here=> async move { #anchor #parameters #token #user });
        if rewritten.has_parts {
            future = quote_spanned!(here=> #krate::__private::with_parts(#future));
        }
        if args.boxed.is_some() {
            let boxed = Ident::new(
                if args.not_send {
                    "boxed_local"
                } else {
                    "boxed"
                },
                here,
            );
            future = quote_spanned!(here=> #krate::__private::#boxed(#future));
            if call.is_none() {
                // Hides the lifetime of the box, which is none of the fn's own when it has two.
                future = quote_spanned!(here=> async move { #future.await });
            }
        }
        *tokens = quote_spanned!(here=> #constructor(#future));
        *brace = Brace(here);
    }
    quote!(#errors #yields #item)
}

// Input:  #[detached]
//         async fn load(id: u64) -> Row { query(id).await }
//
// Output: async fn load(id: u64) -> Row {
//             ::request_context::__private::detached_fn_send(async move {
//                 if false { return ::request_context::__private::returned::<Row>(); }
//                 let id = id;
//                 { const _: () = ();
//                   (::request_context::__private::DetachedFnHere).detached(query(id)).await }
//             }).await
//         }
fn detached_fn(args: &DetachedArgs, mut item: FnItem, errors: &mut Errors) -> TokenStream {
    let name = item.sig.ident.span();
    let here = Span::call_site().located_at(name);
    if let Body::Block(brace, tokens) = &mut item.body {
        let check = match args.not_send {
            true => SendCheck::Off,
            false => SendCheck::of(&item.sig, tokens),
        };
        let parameters = parameters::move_into_body(&mut item.sig);
        let output = output_of(&item.sig);
        let anchor = return_anchor(&output, &args.krate);
        // The attribute, with the hygiene of the fn's name.
        let begins = Span::call_site().resolved_at(name);
        let body = assignments::to_own_self(&item.sig, std::mem::take(tokens));
        let refused = refuse::what_needs_a_context(body, begins, &args.krate, errors);
        let body = errors.with_imports(refused.body);
        let braces = half_typed::braces(*brace, refused.is_half_typed);
        let user = user_block(braces, body, refused.is_bare);
        let future = quote_spanned!(here=> async move { #anchor #parameters #user });
        let call = check.call(&item.sig, &args.krate, future);
        *tokens = match output {
            Type::Never(_) => quote_spanned! {here=>
                #call.await;
                #[allow(unreachable_code, clippy::empty_loop)]
                loop {}
            },
            _ => quote_spanned!(here=> #call.await),
        };
        *brace = Brace(here);
    }
    quote!(#errors #item)
}

// Input:  #[detached]
//         fn load<'async_trait>(..) -> Pin<Box<dyn Future<Output = Row> + Send + 'async_trait>> {
//             Box::pin(async move { .. })
//         }
//
// Output: fn load<'async_trait>(..) -> Pin<Box<dyn Future<Output = Row> + Send + 'async_trait>> {
//             ::std::boxed::Box::pin(::request_context::__private::detached_fn({ Box::pin(async move { .. }) }))
//         }
fn detached_box(args: &DetachedArgs, mut item: FnItem, errors: &mut Errors) -> TokenStream {
    let name = item.sig.ident.span();
    if let Body::Block(brace, tokens) = &mut item.body {
        let begins = Span::call_site().resolved_at(name);
        let refused =
            refuse::what_needs_a_context(std::mem::take(tokens), begins, &args.krate, errors);
        let body = errors.with_imports(refused.body);
        let braces = half_typed::braces(*brace, refused.is_half_typed);
        let boxed = user_block(braces, body, refused.is_bare);
        let krate = args.krate.at(name);
        *tokens = quote_spanned! {name=>
            ::std::boxed::Box::pin(#krate::__private::detached_fn(#boxed))
        };
    }
    quote!(#errors #item)
}

/// The user's own braces, which decide by their edition when temporaries are dropped.
pub(crate) fn user_block(brace: Brace, body: TokenStream, is_bare: bool) -> TokenStream {
    // Braces around a single expression are linted. An item can stand before other items without being linted too.
    let body = match is_bare {
        true => quote!(const _: () = (); #body),
        false => body,
    };
    let mut block = Group::new(Delimiter::Brace, body);
    block.set_span(brace.span.join());
    TokenTree::from(block).into()
}

/// Whether the statements may be a single expression, once what `cfg` and macros take away is gone.
pub(crate) fn are_bare(stmts: &[Stmt]) -> bool {
    let is_let = |stmt: &Stmt| matches!(stmt, Stmt::Local(local) if local.attrs.is_empty());
    !stmts.iter().any(is_let)
}

/// A body that is moved into a block has lost its return type, and with it coercions and the types of `?`.
fn return_anchor(output: &Type, krate: &Krate) -> Option<TokenStream> {
    if let Type::Never(_) = output {
        return None;
    }
    let mut output = output.clone();
    // `rustc` points here where another type is returned, so these are the user's tokens to the eye.
    let declared = output.span();
    EraseImplTrait.visit_type_mut(&mut output);
    let krate = krate.at(declared);
    Some(quote_spanned! {declared=>
        #[allow(deprecated, unreachable_code)]
        if false {
            return #krate::__private::returned::<#output>();
        }
    })
}

struct EraseImplTrait;

impl VisitMut for EraseImplTrait {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::ImplTrait(_) = ty {
            *ty = Type::Infer(TypeInfer {
                attrs: Vec::new(),
                underscore_token: Token![_](ty.span()),
            });
        } else {
            visit_mut::visit_type_mut(self, ty);
        }
    }
}

fn output_of(sig: &Signature) -> Type {
    match &sig.output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        ReturnType::Default => Type::Tuple(TypeTuple {
            attrs: Vec::new(),
            paren_token: Paren(Span::call_site().located_at(sig.ident.span())),
            elems: Punctuated::new(),
        }),
    }
}

/// The `where` clause of the fn, which stands at `here` if it is new.
pub(crate) fn where_clause(sig: &mut Signature, here: Span) -> &mut WhereClause {
    sig.generics
        .where_clause
        .get_or_insert_with(|| WhereClause {
            where_token: Token![where](here),
            predicates: Punctuated::new(),
        })
}

#[cfg(test)]
mod tests;
