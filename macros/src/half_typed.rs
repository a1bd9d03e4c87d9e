//! A body that does not parse, as it does not while it is typed.
//!
//! `rustc` reads a fn before an attribute gets it, and again as part of what the attribute gives back. It says what
//! is wrong only once where both have the same spans, so what cannot be read stays in its place, and is no error
//! here. Editors complete what is in the output. Its words and awaits are rewritten all the same, and what is
//! surely missing is added, or other errors would follow.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::token::Brace;
use syn::{Block, Expr, Result, Stmt, Token};

use crate::diagnostics::Errors;

/// The statements of a body.
pub(crate) struct Statements {
    pub(crate) all: Vec<Stmt>,
    /// Whether it does not parse: what cannot be read is `Expr::Verbatim`.
    pub(crate) are_half_typed: bool,
}

/// Who goes through the statements.
pub(crate) trait Reader {
    fn statement(&mut self, stmt: &mut Stmt);
    fn errors(&mut self) -> &mut Errors;
}

// Input:  let rows = load(id).await; rows[. let n = 1; n
// Output: [let rows = load(id).await;] [rows[. let n = 1;] [n], of which the second is verbatim
pub(crate) fn statements(tokens: TokenStream, errors: &mut Errors) -> Statements {
    if let Some(all) = read(tokens.clone()) {
        let are_half_typed = false;
        return Statements {
            all,
            are_half_typed,
        };
    }
    let parser = |input: ParseStream| {
        let mut all = Vec::new();
        while !input.is_empty() {
            if input.fork().parse::<Stmt>().is_ok() {
                all.push(input.parse()?);
                continue;
            }
            let tokens = to_semicolon(input)?;
            let statement: Vec<_> = tokens.clone().into_iter().collect();
            let mended = read(tokens.clone())
                .or_else(|| around_a_dot(&statement, errors))
                .or_else(|| with_semicolon(&statement, errors));
            match mended {
                Some(read) => all.extend(read),
                None => all.push(verbatim(tokens)),
            }
        }
        Ok(all)
    };
    Statements {
        all: parser
            .parse2(tokens.clone())
            .unwrap_or_else(|_| vec![verbatim(tokens)]),
        are_half_typed: true,
    }
}

fn verbatim(tokens: TokenStream) -> Stmt {
    Stmt::Expr(Expr::Verbatim(tokens), None)
}

fn read(tokens: TokenStream) -> Option<Vec<Stmt>> {
    Block::parse_within.parse2(tokens).ok()
}

fn to_semicolon(input: ParseStream) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() {
        let is_last = input.peek(Token![;]);
        tokens.extend([input.parse::<TokenTree>()?]);
        if is_last {
            break;
        }
    }
    Ok(tokens)
}

/// What stands before a dot that nothing can follow is read by itself, and so is the rest.
//
// Input:  let n = rows.;        Output: let n = rows;
// Input:  rows. let n = 1;      Output: [rows] [.] [let n = 1;]
// Input:  rows.                 Output: rows; loop {}
fn around_a_dot(tokens: &[TokenTree], errors: &mut Errors) -> Option<Vec<Stmt>> {
    (1..tokens.len()).rev().find_map(|at| {
        let (before, [dot, after @ ..]) = tokens.split_at_checked(at)? else {
            return None;
        };
        if !is_dangling(dot, after.first()) {
            return None;
        }
        let before = quote!(#(#before)*);
        match after {
            // What is typed is not the value of the block yet.
            [] if !errors.are_of_unread_tokens() => read(quote!(#before; loop {})),
            [semicolon] if is_punct(semicolon, ';') => {
                let mended = read(quote!(#before #semicolon))?;
                errors.syntax(
                    dot.span(),
                    "expected the name of a field or method after `.`",
                );
                Some(mended)
            }
            after => {
                let mut all = read(before)?;
                all.push(verbatim(quote!(#dot)));
                all.extend(read(quote!(#(#after)*))?);
                Some(all)
            }
        }
    })
}

/// Whether no name or number is `after` the dot, and none is meant to be.
fn is_dangling(dot: &TokenTree, after: Option<&TokenTree>) -> bool {
    let may_follow = |token: &TokenTree| match token {
        TokenTree::Ident(name) => {
            name == "await" || syn::parse2::<Ident>(name.to_token_stream()).is_ok()
        }
        TokenTree::Literal(_) => true,
        token => is_punct(token, '.'),
    };
    is_punct(dot, '.') && !after.is_some_and(may_follow)
}

/// What stands after a statement without an end would be read as its arguments, once it is rewritten.
//
// Input:  let rows = load(id).await  rows.first()
// Output: let rows = load(id).await; rows.first()
fn with_semicolon(tokens: &[TokenTree], errors: &mut Errors) -> Option<Vec<Stmt>> {
    let ends = (1..tokens.len()).filter(|at| are_apart(tokens, *at));
    // The first statement is the one without an end, and no whole body.
    ends.take(32).find_map(|at| {
        let (first, second) = tokens.split_at(at);
        let mut both = read(quote!(#(#first)*;))?;
        both.extend(read(second.iter().cloned().collect())?);
        errors.syntax(second.first()?.span(), "expected `;` before this");
        Some(both)
    })
}

/// Whether no operator is between two tokens.
fn are_apart(tokens: &[TokenTree], second: usize) -> bool {
    let pair = tokens.get(second - 1..=second);
    pair.is_some_and(|pair| !pair.iter().any(is_operator))
}

/// Whether it stands inside of a statement.
fn is_operator(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if !"?#'".contains(punct.as_char()))
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// Goes through what can be read in `tokens`, which cannot: statements in braces, and what is awaited.
pub(crate) fn rewrite(tokens: TokenStream, reader: &mut impl Reader) -> TokenStream {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut before = &tokens[..];
    let mut from_the_end = Vec::new();
    while let Some((start, end, awaited)) = last_await(before) {
        let mut awaited = Stmt::Expr(awaited, None);
        reader.statement(&mut awaited);
        let after = in_groups(before.get(end..).unwrap_or_default(), reader);
        from_the_end.push(quote!(#awaited #after));
        before = before.get(..start).unwrap_or_default();
    }
    from_the_end.push(in_groups(before, reader));
    from_the_end.into_iter().rev().collect()
}

/// The last `.await` that can be read, with all before it that is awaited.
fn last_await(tokens: &[TokenTree]) -> Option<(usize, usize, Expr)> {
    let is_await = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "await");
    let awaits = tokens.iter().enumerate();
    let mut awaits = awaits.rev().filter(|(_, token)| is_await(token));
    awaits.find_map(|(last, _)| {
        let end = last + 1;
        let mut starts = start_of_chain(tokens, last)..last;
        starts.find_map(|start| {
            // The name of a lifetime, which alone would be read as a variable.
            let before = tokens.get(..start)?.last();
            if before.is_some_and(|before| is_punct(before, '\'')) {
                return None;
            }
            let run = tokens.get(start..end)?.iter().cloned().collect();
            let awaited = syn::parse2(run).ok()?;
            matches!(awaited, Expr::Await(_)).then_some((start, end, awaited))
        })
    })
}

/// How far what is called and what its fields are taken of can reach back.
fn start_of_chain(tokens: &[TokenTree], last: usize) -> usize {
    let is_of_a_chain = |token: &TokenTree| match token {
        TokenTree::Punct(punct) => ".?:!<>#'".contains(punct.as_char()),
        _ => true,
    };
    let is_name = |at: usize| matches!(tokens.get(at), Some(TokenTree::Ident(_)));
    let mut start = last;
    while let Some(before) = start.checked_sub(1) {
        let goes_on = tokens.get(before).is_some_and(is_of_a_chain);
        if !goes_on || are_apart(tokens, start) && is_name(start) {
            break;
        }
        start = before;
    }
    start
}

fn in_groups(tokens: &[TokenTree], reader: &mut impl Reader) -> TokenStream {
    let mut done: Vec<TokenTree> = Vec::new();
    for token in tokens {
        let is_of_a_macro = done.last().is_some_and(|before| is_punct(before, '!'));
        done.push(match token {
            TokenTree::Group(group) if !is_of_a_macro => in_group(group, reader),
            token => token.clone(),
        });
    }
    done.into_iter().collect()
}

fn in_group(group: &Group, reader: &mut impl Reader) -> TokenTree {
    let content = match group.delimiter() {
        Delimiter::Brace => {
            let mut statements = statements(group.stream(), reader.errors()).all;
            for stmt in &mut statements {
                reader.statement(stmt);
            }
            quote!(#(#statements)*)
        }
        _ => rewrite(group.stream(), reader),
    };
    regroup(group, content)
}

/// A group stays as it was, if it can: both ends of a new one have the same span. That is where the old one ends,
/// since there `rustc` points when something is missing.
fn regroup(old: &Group, content: TokenStream) -> TokenTree {
    let (was, is) = (old.stream().to_string(), content.to_string());
    // What follows a `!` may be a word's, and changed later.
    if was == is && !is.contains('!') {
        return old.clone().into();
    }
    let mut new = Group::new(old.delimiter(), content);
    new.set_span(old.span_close());
    new.into()
}

/// The braces around a rewritten body, which end where the old ones did.
pub(crate) fn braces(old: Brace, is_half_typed: bool) -> Brace {
    match is_half_typed {
        true => Brace(old.span.close()),
        false => old,
    }
}

#[cfg(test)]
mod tests;
