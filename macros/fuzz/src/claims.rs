//! What holds of every expansion, whatever the macro was given.

use std::collections::HashMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;

use super::grammar;
use crate::{block, expand};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Macro {
    ContextAsync,
    Detached,
    ContextBlock,
}

/// What a macro is given.
pub(crate) struct Input {
    pub(crate) args: TokenStream,
    pub(crate) item: TokenStream,
}

/// Expands `bytes`: an annotated item where they are text that begins with `#`, choices of the grammar otherwise.
pub fn check(which: Macro, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).ok();
    let input = match text.filter(|text| text.starts_with('#')) {
        Some(text) => annotated(text),
        None => Some(grammar::input(which, bytes)),
    };
    if let Some(input) = input {
        holds(which, input);
    }
    // What has been tokenised is kept for its spans, of all inputs together.
    proc_macro2::extra::invalidate_current_thread_spans();
}

/// `#[name(args)] item`
fn annotated(text: &str) -> Option<Input> {
    let mut tokens = tokenise(text)?.into_iter().skip(1);
    let Some(TokenTree::Group(attribute)) = tokens.next() else {
        return None;
    };
    let args = match attribute.stream().into_iter().nth(1) {
        Some(TokenTree::Group(args)) => args.stream(),
        _ => TokenStream::new(),
    };
    let item = tokens.collect();
    Some(Input { args, item })
}

/// The depth of brackets and the length that parsers of Rust take on the stack of a thread: they call themselves.
const DEPTH: usize = 64;
const LENGTH: usize = 1024;

fn tokenise(text: &str) -> Option<TokenStream> {
    let mut depth = 0_usize;
    for character in text.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return None;
        }
    }
    (text.len() <= LENGTH).then(|| text.parse().ok())?
}

fn holds(which: Macro, Input { args, item }: Input) {
    let output = match which {
        Macro::ContextAsync => expand::context_async(args.clone(), item.clone()),
        Macro::Detached => expand::detached(args.clone(), item.clone()),
        Macro::ContextBlock => block::context_block(match args.is_empty() {
            true => item.clone(),
            false => quote!(#args, #item),
        }),
    };
    let show = || format!("{which:?} of\n({args}) {item}\nis\n{output}");

    let again = match output.to_string().parse() {
        Ok(again) => again,
        Err(error) => panic!("{error}: {}", show()),
    };
    assert_eq!(leaves(&output), leaves(&again), "{}", show());

    let places = match which {
        Macro::ContextBlock => &[in_expression as Place][..],
        _ => &[in_module as Place, in_impl, in_trait][..],
    };
    for place in places {
        if place(&item).is_ok()
            && let Err(error) = place(&output)
        {
            panic!("{error}: {}", show());
        }
    }
    let is_code = places.iter().any(|place| place(&item).is_ok());
    if is_code && !output.to_string().contains("compile_error") {
        let lost = lost(&item, &output);
        assert!(lost.is_empty(), "{lost:?} lost: {}", show());
    }
}

/// How a place reads tokens.
type Place = fn(&TokenStream) -> syn::Result<()>;

fn in_module(tokens: &TokenStream) -> syn::Result<()> {
    let file = syn::parse2::<syn::File>(tokens.clone())?;
    match file.attrs.first() {
        None => Ok(()),
        // That of a file, on which no attribute can stand.
        Some(inner) => Err(syn::Error::new_spanned(inner, "not an item")),
    }
}

fn in_impl(tokens: &TokenStream) -> syn::Result<()> {
    syn::parse2::<syn::ItemImpl>(quote!(impl Place { #tokens })).map(drop)
}

fn in_trait(tokens: &TokenStream) -> syn::Result<()> {
    syn::parse2::<syn::ItemTrait>(quote!(trait Place { #tokens })).map(drop)
}

fn in_expression(tokens: &TokenStream) -> syn::Result<()> {
    syn::parse2::<syn::Expr>(tokens.clone()).map(drop)
}

/// All tokens in their order. Text does not show invisible delimiters, nor how far apart punctuation was.
fn leaves(tokens: &TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                found.push(open.to_owned());
                found.extend(leaves(&group.stream()));
                found.push(close.to_owned());
            }
            leaf => found.push(leaf.to_string()),
        }
    }
    found.retain(|leaf| !leaf.is_empty());
    found
}

/// The words and literals that are fewer in the output than in the input.
fn lost(item: &TokenStream, output: &TokenStream) -> Vec<String> {
    let mut counts = HashMap::<String, i64>::new();
    for leaf in leaves(output) {
        *counts.entry(leaf).or_default() += 1;
    }
    for leaf in leaves(item) {
        *counts.entry(leaf).or_default() -= 1;
    }
    // Of the signature: `async` goes into the type, a lifetime `'_` gets a name, an empty `where` says nothing.
    let replaced = ["async", "_", "where"];
    let is_word = |leaf: &str| match leaf.chars().next() {
        // `self.0.1` has a literal that is none: `syn` takes it apart.
        Some(first) => {
            first.is_alphabetic() || "_\"".contains(first) || leaf.parse::<u64>().is_ok()
        }
        None => false,
    };
    counts
        .into_iter()
        .filter(|(leaf, count)| *count < 0 && is_word(leaf) && !replaced.contains(&leaf.as_str()))
        .map(|(leaf, _)| leaf)
        .collect()
}
