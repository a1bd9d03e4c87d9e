//! Where the attributes may stand. Every broken rule is reported, each on its token.

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::Attribute;

use crate::diagnostics::Errors;
use crate::item::{Body, FnItem, is_named};
use crate::parameters::mentions;

#[derive(PartialEq)]
pub(crate) enum Verdict {
    /// The item makes sense, once what cannot stand beside the attribute is taken off.
    Expand,
    /// What `#[async_trait]` has made of an `async fn`: it returns its future in a box.
    ExpandBox,
    /// `fn main` cannot return a call, so it is kept apart from what it expands to.
    ExpandInside,
    /// Not an `async fn`.
    Unchanged,
}

pub(crate) fn context_fn(item: &mut FnItem, errors: &mut Errors) -> Verdict {
    if item.sig.asyncness.is_none() {
        let message = if item.is_of_async_trait() {
            "`#[context_async]` cannot be used under `#[async_trait]`; remove `#[async_trait]`, \
             a trait has `#[context_async(State)]` fns without it, \
             and is dyn-compatible with `#[context_async(State, boxed)]`"
        } else if item.attrs.iter().any(is_test) {
            CONTEXT_ON_TEST
        } else if is_main(item) {
            CONTEXT_ON_MAIN
        } else {
            "`#[context_async]` needs an `async fn`; a sync fn takes the state as an argument instead: \
             `fn f(state: &State)`, called as `f(&context!())`"
        };
        errors.at(item.sig.fn_token.span, message);
        return Verdict::Unchanged;
    }
    qualifiers(item, "#[context_async]", errors);
    refuse_attributes(item, errors, |attr| {
        if is_named(attr, &["context_async"]) {
            Some("duplicate `#[context_async]`; remove one of them")
        } else if is_named(attr, &["detached"]) {
            Some(BOTH)
        } else if is_test(attr) {
            Some(CONTEXT_ON_TEST)
        } else if is_named(attr, &["main"]) {
            Some(CONTEXT_ON_MAIN)
        } else if is_named(attr, &["handler", "debug_handler"]) {
            Some(
                "`#[context_async]` cannot be used on a handler, which is called with no context; \
                 annotate the fn it calls, and run that with `context.run(..)`",
            )
        } else {
            None
        }
    });
    if is_main(item) {
        errors.at(
            item.sig.ident.span(),
            format!("{CONTEXT_ON_MAIN}; a `main` that is not the program's takes another name"),
        );
        return Verdict::ExpandInside;
    }
    Verdict::Expand
}

pub(crate) fn detached_fn(item: &mut FnItem, errors: &mut Errors) -> Verdict {
    if item.is_of_async_trait() {
        return Verdict::ExpandBox;
    }
    if item.sig.asyncness.is_none() {
        let message = if item.attrs.iter().any(is_test) {
            "`#[detached]` needs an `async fn`; write it above `#[tokio::test]`, which takes the `async` away"
        } else if is_main(item) {
            "`#[detached]` needs an `async fn`; write it above `#[tokio::main]`, which takes the `async` away"
        } else {
            "`#[detached]` needs an `async fn`; make the fn `async`, or remove the attribute"
        };
        errors.at(item.sig.fn_token.span, message);
        return Verdict::Unchanged;
    }
    qualifiers(item, "#[detached]", errors);
    refuse_attributes(item, errors, |attr| {
        is_named(attr, &["detached"]).then_some("duplicate `#[detached]`; remove one of them")
    });
    if let Some(attr) = item
        .attrs
        .iter()
        .find(|attr| is_named(attr, &["context_async"]))
    {
        // The other attribute stays, and expands alone.
        errors.on(attr.path(), BOTH);
        return Verdict::Unchanged;
    }
    Verdict::Expand
}

const BOTH: &str = "`#[detached]` cannot be used on a `#[context_async]` fn; \
                    remove `#[detached]` where the fn needs the context, or `#[context_async]` where it does not";
const CONTEXT_ON_TEST: &str = "`#[context_async]` cannot be used on a test, which is called with no context; \
                               annotate the fn it calls, and run that with `context.run(..)`";
const CONTEXT_ON_MAIN: &str = "`#[context_async]` cannot be used on `main`, which is called with no context; \
                               annotate the fn it calls, and run that with `context.run(..)`";

/// What an item that is not a fn is told.
pub(crate) fn not_a_fn(attribute: &str, keyword: &TokenTree) -> String {
    let way_out = match keyword.to_string().as_str() {
        "impl" | "trait" | "mod" => "put it on each `async fn` inside",
        _ if attribute == "#[detached]" => {
            "put it on the `async fn` it was meant for, or on a statement of a `#[context_async]` fn"
        }
        _ => "put it on the `async fn` it was meant for",
    };
    format!("`{attribute}` needs an `async fn`, found `{keyword}`; {way_out}")
}

/// Reports `const`, `extern` and `...`, and takes them off.
fn qualifiers(item: &mut FnItem, attribute: &str, errors: &mut Errors) {
    if let Some(token) = item.sig.constness.take() {
        errors.on(
            token,
            format!("`{attribute}` cannot be used on a `const fn`; remove `const`"),
        );
    }
    if let Some(abi) = item.sig.abi.take() {
        errors.on(abi, format!("`{attribute}` cannot be used on an `extern fn`; call an annotated fn from it instead"));
    }
    if let Some(variadic) = item.sig.variadic.take() {
        errors.on(
            variadic,
            format!("`{attribute}` cannot be used on a variadic fn; take a slice instead"),
        );
    }
}

/// Reports attributes that cannot stand beside ours, and takes them off, since their own errors would only add noise.
fn refuse_attributes(
    item: &mut FnItem,
    errors: &mut Errors,
    rule: impl Fn(&Attribute) -> Option<&'static str>,
) {
    item.attrs.retain(|attr| match rule(attr) {
        Some(message) => {
            errors.on(attr.path(), message);
            if is_named(
                attr,
                &["detached", "context_async", "handler", "debug_handler"],
            ) {
                errors.taken_off(attr.path());
            }
            false
        }
        None => true,
    });
}

fn is_test(attr: &Attribute) -> bool {
    is_named(attr, &["test"])
}

/// Whether it may be the program's, which takes nothing. What has no body, or a `default` one, is of a trait, and
/// only there and in an `impl` is there a `Self`.
fn is_main(item: &FnItem) -> bool {
    let Body::Block(_, body) = &item.body else {
        return false;
    };
    item.sig.ident == "main"
        && item.defaultness.is_none()
        && item.sig.inputs.is_empty()
        && item.sig.generics.params.is_empty()
        && item.sig.generics.where_clause.is_none()
        && !mentions(item.sig.output.to_token_stream(), "Self")
        && !mentions(body.clone(), "Self")
}
