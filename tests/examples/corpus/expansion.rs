//! Expands the attributes over a fn, here and not in the compiler, so that every outcome can be counted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use crate::{
    block, expand,
    functions::{Function, Home},
};

/// What an expansion came to.
pub(crate) enum Outcome {
    Expanded,
    /// Expanded beside an error that says which rule is broken.
    Refused(String),
    /// The macro could not read the fn, or nobody can read what it wrote.
    Unreadable(String),
    Panicked,
}

pub(crate) fn detached(function: &Function) -> Outcome {
    outcome_of_attribute(function, || {
        expand::detached(quote!(), function.tokens.clone())
    })
}

/// With each kind of arguments; the first outcome that is not an expansion, if there is one.
pub(crate) fn context_async(function: &Function) -> Outcome {
    for args in [
        quote!(),
        quote!(?Send),
        quote!(crate::State<u8>),
        quote!(State, boxed),
        quote!(State, crate = renamed),
    ] {
        match outcome_of_attribute(function, || {
            expand::context_async(args, function.tokens.clone())
        }) {
            Outcome::Expanded => {}
            other => return other,
        }
    }
    context_block(function)
}

/// The body, in `context_block!`.
fn context_block(function: &Function) -> Outcome {
    let Some(TokenTree::Group(body)) = function.tokens.clone().into_iter().last() else {
        return Outcome::Expanded;
    };
    outcome(function, || {
        let expression = block::context_block(quote!(State, async move #body));
        match function.home {
            Home::File => quote!(const _: X = #expression;),
            Home::Impl | Home::Trait => quote!(const X: X = #expression;),
        }
    })
}

fn outcome(function: &Function, expand: impl FnOnce() -> TokenStream) -> Outcome {
    let Ok(output) = catch_unwind(AssertUnwindSafe(expand)) else {
        return Outcome::Panicked;
    };
    let before = compile_errors(function.tokens.clone());
    let errors = compile_errors(output.clone());
    if let Some(error) = errors.into_iter().find(|error| !before.contains(error)) {
        return match error.contains("expected ") && !error.contains(';') {
            true => Outcome::Unreadable(error),
            false => Outcome::Refused(error),
        };
    }
    let read = match function.home {
        Home::File => syn::parse2::<syn::File>(output).map(drop),
        Home::Impl => syn::parse2::<syn::ItemImpl>(quote!(impl X { #output })).map(drop),
        Home::Trait => syn::parse2::<syn::ItemTrait>(quote!(trait X { #output })).map(drop),
    };
    match read {
        Ok(()) => Outcome::Expanded,
        Err(error) => Outcome::Unreadable(error.to_string()),
    }
}

/// As `outcome`, of an attribute: the fn must still be there.
fn outcome_of_attribute(function: &Function, expand: impl FnOnce() -> TokenStream) -> Outcome {
    let mut declares = true;
    let outcome = outcome(function, || {
        let output = expand();
        declares = declares_fn(output.clone(), &function.name);
        output
    });
    match outcome {
        Outcome::Expanded if !declares => Outcome::Unreadable("the fn is lost".to_owned()),
        outcome => outcome,
    }
}

fn declares_fn(tokens: TokenStream, name: &str) -> bool {
    let mut after_fn = false;
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => {
            let found = after_fn && ident == name;
            after_fn = ident == "fn";
            found
        }
        TokenTree::Group(group) => declares_fn(group.stream(), name),
        _ => false,
    })
}

/// The messages of all `compile_error!`s.
fn compile_errors(tokens: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let named = index.checked_sub(2).and_then(|before| tokens.get(before));
        if matches!(named, Some(TokenTree::Ident(name)) if name == "compile_error") {
            found.push(group.stream().to_string());
        } else {
            found.extend(compile_errors(group.stream()));
        }
    }
    found
}
