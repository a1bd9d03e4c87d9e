//! `context_block!`: a checked `async` block.

use std::cell::OnceCell;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::token::Brace;
use syn::{Error, Result, Token, braced};

use crate::args::{ContextArgs, State};
use crate::diagnostics::Errors;
use crate::expand::user_block;
use crate::half_typed;
use crate::rewrite;
use crate::scope::Scope;

struct Input {
    args: TokenStream,
    keyword: Token![async],
    capture: Option<Token![move]>,
    brace: Brace,
    body: TokenStream,
}

// Input:  context_block!(App, async move { greeting(1).await })
// Output: ::request_context::__private::needs_context::<App, _>(async move {
//             { const _: () = (); (unsafe { ::request_context::__private::inside::<App>() }).call(greeting(1)).await }
//         })
pub(crate) fn context_block(input: TokenStream) -> TokenStream {
    match parse.parse2(input) {
        Ok(input) => expand(input),
        Err(error) => {
            let error = error.to_compile_error();
            quote!({ #error })
        }
    }
}

/// `[crate = path,] [State,] async [move] { … }`: what stands before the block reads like an attribute's arguments.
fn parse(input: ParseStream) -> Result<Input> {
    let mut args = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![async]) {
        let token: proc_macro2::TokenTree = input.parse()?;
        args.extend([token]);
    }
    if input.is_empty() {
        return Err(needs_block(args));
    }
    let keyword = input.parse()?;
    let capture = input.parse()?;
    if !input.peek(Brace) {
        return Err(needs_block(keyword));
    }
    // Its content stays tokens here, as the body of a fn does.
    let content;
    let brace = braced!(content in input);
    let body = content.parse()?;
    let _: Option<Token![,]> = input.parse()?;
    if !input.is_empty() {
        return Err(
            input.error("`context_block!` ends with its `async` block; remove what follows")
        );
    }
    Ok(Input {
        args,
        keyword,
        capture,
        brace,
        body,
    })
}

fn needs_block(found: impl quote::ToTokens) -> Error {
    Error::new_spanned(
        found,
        "`context_block!` needs an `async` block; write `context_block!(State, async move { .. })`",
    )
}

fn expand(input: Input) -> TokenStream {
    let Input {
        keyword, capture, ..
    } = input;
    let mut errors = Errors::of_unread_tokens();
    let args = ContextArgs::of_block(input.args, &mut errors);
    let scope = Scope {
        krate: args.krate,
        state: args.state,
        name: keyword.span(),
        allow_blocking: args.allow_blocking,
        inside: OnceCell::new(),
    };
    let here = scope.here();
    let krate = scope.krate.at(here);
    let rewritten = rewrite::body(input.body, &scope, &mut errors);
    let token = rewritten.uses.bind(&scope);
    let braces = half_typed::braces(input.brace, rewritten.is_half_typed);
    let user = user_block(braces, rewritten.body, rewritten.is_bare);
    let future = quote_spanned!(here=> #keyword #capture { #token #user });
    let future = match rewritten.has_parts {
        true => quote_spanned!(here=> #krate::__private::with_parts(#future)),
        false => future,
    };
    let checked = match &scope.state {
        State::Typed(state) => {
            quote_spanned!(here=> #krate::__private::needs_context::<#state, _>(#future))
        }
        State::Any => quote_spanned!(here=> #krate::__private::needs_any_context(#future)),
    };
    if errors.is_empty() {
        checked
    } else {
        quote!({ #errors #checked })
    }
}
