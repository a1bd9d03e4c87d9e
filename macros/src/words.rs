//! `context!`, `scheduler!`, `attach!` and `context_block!`: how they are recognised, in syntax and in raw tokens.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Path;

use crate::args::Krate;

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Word {
    Context,
    Scheduler,
    Attach,
    /// Not a word of the body around it: it is a body of its own.
    Block,
}

impl Word {
    fn named(name: &Ident) -> Option<Self> {
        Some(match &*name.to_string() {
            "context" => Word::Context,
            "scheduler" => Word::Scheduler,
            "attach" => Word::Attach,
            "context_block" => Word::Block,
            _ => return None,
        })
    }

    pub(crate) fn of_path(path: &Path, krate: &Krate) -> Option<(Self, Ident)> {
        let (first, last) = (path.segments.first()?, path.segments.last()?);
        let ours = path.segments.len() == 1 && path.leading_colon.is_none()
            || krate.starts_with(&first.ident);
        let word = Word::named(&last.ident).filter(|_| ours)?;
        Some((word, last.ident.clone()))
    }
}

/// A word found in raw tokens, and what stands between its delimiters.
pub(crate) struct Use {
    pub(crate) word: Word,
    pub(crate) name: Ident,
    pub(crate) path: TokenStream,
    pub(crate) args: TokenStream,
}

pub(crate) enum Replacement {
    /// New arguments; the macro's own path stays, so that its import counts as used.
    Args(TokenStream),
    /// Something else in the place of the whole invocation.
    Whole(TokenStream),
}

/// Rewrites the words in tokens that nobody parsed, at any depth.
///
/// Nested fns and `context_block!` are left alone: their words belong to them.
//
// Input:  { yield context!().user }
// Output: { yield context!(@ the_request_context).user }
pub(crate) fn in_tokens(
    tokens: TokenStream,
    krate: &Krate,
    replace: &mut dyn FnMut(Use) -> Replacement,
) -> TokenStream {
    let mut done: Vec<TokenTree> = Vec::new();
    // A `fn name` was seen, and its body not yet.
    let mut in_fn = false;
    for token in tokens {
        let TokenTree::Group(group) = token else {
            in_fn = match &token {
                TokenTree::Punct(p) if p.as_char() == ';' => false,
                TokenTree::Ident(_) => {
                    in_fn || matches!(done.last(), Some(TokenTree::Ident(i)) if i == "fn")
                }
                _ => in_fn,
            };
            done.push(token);
            continue;
        };
        if in_fn && group.delimiter() == proc_macro2::Delimiter::Brace {
            in_fn = false;
            done.push(group.into());
            continue;
        }
        match word_before(&done, krate) {
            Some((Word::Block, ..)) => done.push(group.into()),
            Some((word, name, length)) => {
                let before = done.len().saturating_sub(length);
                let path = done
                    .iter()
                    .take(done.len() - 1)
                    .skip(before)
                    .cloned()
                    .collect();
                let args = group.stream();
                match replace(Use {
                    word,
                    name,
                    path,
                    args,
                }) {
                    Replacement::Args(args) => done.push(regroup(&group, args).into()),
                    Replacement::Whole(tokens) => {
                        done.truncate(before);
                        done.extend(tokens);
                    }
                }
            }
            None => {
                let mut is_changed = false;
                let inner = in_tokens(group.stream(), krate, &mut |found| {
                    is_changed = true;
                    replace(found)
                });
                done.push(match is_changed {
                    true => regroup(&group, inner).into(),
                    false => group.into(),
                });
            }
        }
    }
    done.into_iter().collect()
}

/// An import of the path of a macro that is gone by now, so that the user's own import of it counts as used.
///
/// A name alone is seen without the body's locals: one of the same name cannot be imported.
pub(crate) fn import(path: &TokenStream) -> TokenStream {
    let mut tokens = path.clone().into_iter();
    let path = match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(mut name)), None) => {
            name.set_span(name.span().resolved_at(Span::mixed_site()));
            name.into_token_stream()
        }
        _ => path.clone(),
    };
    quote!(#[allow(unused_imports)] use #path as _;)
}

/// A word's arguments as the user wrote them.
///
/// The body around has bound the words in the arguments of a macro that it does not know. If the macro makes a
/// body of its own of them, they are that body's.
//
// Input:  @ the_request_context, f()
// Output: f()
pub(crate) fn unbound(args: TokenStream) -> TokenStream {
    let mut rest = args.clone().into_iter();
    match (rest.next(), rest.next(), rest.next()) {
        (Some(TokenTree::Punct(at)), Some(_), _) if at.as_char() == '@' => rest.collect(),
        _ => args,
    }
}

/// Whether `tokens` end in `word!`, and how many tokens that is with the word's path.
fn word_before(tokens: &[TokenTree], krate: &Krate) -> Option<(Word, Ident, usize)> {
    let [path @ .., TokenTree::Ident(name), TokenTree::Punct(bang)] = tokens else {
        return None;
    };
    let word = Word::named(name).filter(|_| bang.as_char() == '!')?;
    let mut rest = path;
    let mut first = None;
    while let [before @ .., TokenTree::Punct(a), TokenTree::Punct(b)] = rest {
        if a.as_char() != ':' || b.as_char() != ':' {
            break;
        }
        rest = before;
        let [before @ .., TokenTree::Ident(segment)] = rest else {
            break;
        };
        rest = before;
        first = Some(segment);
    }
    let ours = match first {
        Some(first) => krate.starts_with(first),
        None => rest.len() == path.len(),
    };
    ours.then(|| (word, name.clone(), tokens.len() - rest.len()))
}

/// A group with other content. Both its delimiters get the span of all of it.
fn regroup(old: &Group, content: TokenStream) -> Group {
    let mut new = Group::new(old.delimiter(), content);
    new.set_span(old.span());
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    fn rewritten(tokens: TokenStream) -> String {
        in_tokens(tokens, &Krate::default(), &mut |_| {
            Replacement::Args(quote!(@ t))
        })
        .to_string()
    }

    #[test]
    fn words_are_found_at_any_depth() {
        assert_eq!(
            rewritten(quote!({
                yield request_context::context!().user;
                [::request_context::scheduler!()]
            })),
            quote!({
                yield request_context::context!(@ t).user;
                [::request_context::scheduler!(@ t)]
            })
            .to_string()
        );
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        for tokens in [
            quote!(other::context!()),
            quote!(context_block!(async { context!() })),
            quote!(
                fn f() {
                    context!()
                }
            ),
            quote!(context != (a)),
            quote!(my_context!(x)),
        ] {
            assert_eq!(rewritten(tokens.clone()), tokens.to_string());
        }
    }

    #[test]
    fn arguments_of_bound_words_are_those_of_the_user() {
        for (args, unbound_args) in [
            (quote!(@ t), quote!()),
            (quote!(@ t, f(), 1), quote!(f(), 1)),
            (quote!(@ (unsafe { t() })), quote!()),
            (quote!(f()), quote!(f())),
            (quote!(), quote!()),
        ] {
            assert_eq!(unbound(args).to_string(), unbound_args.to_string());
        }
    }

    #[test]
    fn a_whole_use_is_replaced_with_its_path() {
        let out = in_tokens(
            quote!(a + request_context::context!() + b),
            &Krate::default(),
            &mut |_| Replacement::Whole(quote!(x)),
        );
        assert_eq!(out.to_string(), "a + x + b");
    }
}
