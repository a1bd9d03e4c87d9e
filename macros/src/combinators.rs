//! Macros whose arguments run in the body itself: `join!`, `select!`, and those of `format!`'s kind.
//!
//! What does not read as expected is left as it is.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::visit_mut::VisitMut;
use syn::{Expr, LitStr, Macro, Pat, Path, Result, Token, token};

use crate::rewrite::Rewriter;

const JOINS: &[&str] = &["join", "try_join"];
const SELECTS: &[&str] = &["select", "select_biased"];
#[rustfmt::skip]
const FORMATS: &[&str] = &[
    "format", "format_args", "print", "println", "eprint", "eprintln", "write", "writeln",
    "panic", "todo", "unimplemented", "unreachable", "dbg", "vec", "pin",
    "assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne",
    "trace", "debug", "info", "warn", "error", "event", "log",
    "span", "trace_span", "debug_span", "info_span", "warn_span", "error_span",
    "anyhow", "bail", "ensure",
];

/// Rewrites the arguments of a macro that is known. `false`: it is not, or its arguments do not parse.
pub(crate) fn rewrite(rewriter: &mut Rewriter, mac: &mut Macro) -> bool {
    let Some(name) = mac
        .path
        .segments
        .last()
        .map(|segment| segment.ident.clone())
    else {
        return false;
    };
    let is_one_of = |names: &[&str]| names.iter().any(|known| name == known);
    let tokens = mac.tokens.clone();
    let rewritten = if is_one_of(JOINS) {
        join.parse2(tokens)
            .map(|arguments| arguments.rewrite(rewriter))
    } else if is_one_of(SELECTS) {
        let borrows_locals = !starts_with(&mac.path, "tokio");
        select
            .parse2(tokens)
            .map(|branches| branches.rewrite(rewriter, borrows_locals))
    } else if is_one_of(FORMATS) {
        format_like
            .parse2(tokens)
            .map(|arguments| rewrite_format(arguments, rewriter))
    } else if is_one_of(&["matches"]) {
        matches
            .parse2(tokens)
            .map(|matches| matches.rewrite(rewriter))
    } else {
        return false;
    };
    match rewritten {
        Ok(tokens) => {
            mac.tokens = tokens;
            true
        }
        Err(_) => false,
    }
}

fn starts_with(path: &Path, name: &str) -> bool {
    path.segments.len() > 1
        && path
            .segments
            .first()
            .is_some_and(|segment| segment.ident == name)
}

/// `biased;` of tokio's macros.
fn biased(input: ParseStream) -> Result<TokenStream> {
    let ahead = input.fork();
    if ahead
        .call(Ident::parse_any)
        .is_ok_and(|word| word == "biased")
        && ahead.peek(Token![;])
    {
        let (word, semi): (Ident, Token![;]) = (input.parse()?, input.parse()?);
        return Ok(quote!(#word #semi));
    }
    Ok(TokenStream::new())
}

struct Join {
    biased: TokenStream,
    futures: Vec<(Expr, Option<Token![,]>)>,
}

fn join(input: ParseStream) -> Result<Join> {
    let biased = biased(input)?;
    let mut futures = Vec::new();
    while !input.is_empty() {
        let future = input.parse()?;
        let comma = if input.is_empty() {
            None
        } else {
            Some(input.parse()?)
        };
        futures.push((future, comma));
    }
    Ok(Join { biased, futures })
}

impl Join {
    // Input:  a(1), b(2)
    // Output: attach!(@ the_request_context, a(1)), attach!(@ the_request_context, b(2))
    fn rewrite(self, rewriter: &mut Rewriter) -> TokenStream {
        let mut tokens = self.biased;
        for (mut future, comma) in self.futures {
            rewriter.visit_expr_mut(&mut future);
            rewriter.handed_on(&future).to_tokens(&mut tokens);
            comma.to_tokens(&mut tokens);
        }
        tokens
    }
}

struct Select {
    biased: TokenStream,
    branches: Vec<Branch>,
}

struct Branch {
    /// `pattern =`, or the word of a branch without a future: `else`, `complete`, `default`.
    head: TokenStream,
    future: Option<Expr>,
    condition: Option<(Token![,], Token![if], Expr)>,
    arrow: Token![=>],
    handler: Expr,
    comma: Option<Token![,]>,
}

fn select(input: ParseStream) -> Result<Select> {
    let biased = biased(input)?;
    let mut branches = Vec::new();
    while !input.is_empty() {
        branches.push(branch(input)?);
    }
    Ok(Select { biased, branches })
}

fn branch(input: ParseStream) -> Result<Branch> {
    let (head, future) = if input.peek2(Token![=>]) {
        (input.call(Ident::parse_any)?.into_token_stream(), None)
    } else {
        let pattern = input.call(Pat::parse_multi_with_leading_vert)?;
        let equals: Token![=] = input.parse()?;
        (quote!(#pattern #equals), Some(input.parse()?))
    };
    let condition = match input.peek(Token![,]) {
        true => Some((input.parse()?, input.parse()?, input.parse()?)),
        false => None,
    };
    let arrow = input.parse()?;
    let handler = Expr::parse_with_earlier_boundary_rule(input)?;
    // A handler that is a block needs no comma.
    let comma = match handler {
        Expr::Block(_) => input.parse()?,
        _ if input.is_empty() => None,
        _ => Some(input.parse()?),
    };
    Ok(Branch {
        head,
        future,
        condition,
        arrow,
        handler,
        comma,
    })
}

impl Select {
    // Input:  row = rows.next(), if more => use_it(row).await,
    // Output: row = attach!(@ the_request_context, rows.next()), if more =>
    //             attach!(@ the_request_context, use_it(row)).await,
    fn rewrite(self, rewriter: &mut Rewriter, borrows_locals: bool) -> TokenStream {
        let mut tokens = self.biased;
        for mut branch in self.branches {
            branch.head.to_tokens(&mut tokens);
            if let Some(mut future) = branch.future {
                rewriter.visit_expr_mut(&mut future);
                // The `select!` of futures polls a local by reference, and must go on seeing that it is one.
                let is_local = matches!(&future, Expr::Path(_));
                if !(borrows_locals && is_local) {
                    future = rewriter.handed_on(&future);
                }
                future.to_tokens(&mut tokens);
            }
            if let Some((comma, keyword, mut condition)) = branch.condition {
                rewriter.visit_expr_mut(&mut condition);
                tokens.extend(quote!(#comma #keyword #condition));
            }
            branch.arrow.to_tokens(&mut tokens);
            rewriter.visit_expr_mut(&mut branch.handler);
            branch.handler.to_tokens(&mut tokens);
            branch.comma.to_tokens(&mut tokens);
        }
        tokens
    }
}

/// One argument: what stands before its value, the value, what separates it from the next.
type Argument = (TokenStream, Expr, TokenStream);

fn format_like(input: ParseStream) -> Result<Vec<Argument>> {
    let mut arguments = Vec::new();
    while !input.is_empty() {
        let before = before_value(input)?;
        let value = input.parse()?;
        let after = if input.peek(Token![;]) {
            input.parse::<Token![;]>()?.into_token_stream()
        } else if input.is_empty() {
            TokenStream::new()
        } else {
            input.parse::<Token![,]>()?.into_token_stream()
        };
        arguments.push((before, value, after));
    }
    Ok(arguments)
}

/// `target:`, `user.id =`, `"key" =`, `?` and `%` of the macros of `log` and `tracing`, and `name =` of `format!`.
fn before_value(input: ParseStream) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    if input.peek(syn::Ident) && input.peek2(Token![:]) && !input.peek2(Token![::]) {
        let (name, colon): (Ident, Token![:]) = (input.parse()?, input.parse()?);
        tokens.extend(quote!(#name #colon));
    }
    let ahead = input.fork();
    if field_name(&ahead).is_ok() {
        tokens.extend(field_name(input)?);
    }
    if input.peek(Token![?]) {
        input.parse::<Token![?]>()?.to_tokens(&mut tokens);
    } else if input.peek(Token![%]) {
        input.parse::<Token![%]>()?.to_tokens(&mut tokens);
    }
    Ok(tokens)
}

fn field_name(input: ParseStream) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    if input.peek(LitStr) {
        input.parse::<LitStr>()?.to_tokens(&mut tokens);
    } else {
        input.call(Ident::parse_any)?.to_tokens(&mut tokens);
        while input.peek(Token![.]) {
            input.parse::<Token![.]>()?.to_tokens(&mut tokens);
            input.call(Ident::parse_any)?.to_tokens(&mut tokens);
        }
    }
    if input.peek(Token![==]) || input.peek(Token![=>]) || input.peek(token::Paren) {
        return Err(input.error("not a field"));
    }
    input.parse::<Token![=]>()?.to_tokens(&mut tokens);
    Ok(tokens)
}

// Input:  "{}", f().await
// Output: "{}", attach!(@ the_request_context, f()).await
fn rewrite_format(arguments: Vec<Argument>, rewriter: &mut Rewriter) -> TokenStream {
    let mut tokens = TokenStream::new();
    for (before, mut value, after) in arguments {
        rewriter.visit_expr_mut(&mut value);
        tokens.extend(quote!(#before #value #after));
    }
    tokens
}

struct Matches {
    value: Expr,
    comma: Token![,],
    pattern: Pat,
    guard: Option<(Token![if], Expr)>,
    last_comma: Option<Token![,]>,
}

fn matches(input: ParseStream) -> Result<Matches> {
    Ok(Matches {
        value: input.parse()?,
        comma: input.parse()?,
        pattern: input.call(Pat::parse_multi_with_leading_vert)?,
        guard: match input.peek(Token![if]) {
            true => Some((input.parse()?, input.parse()?)),
            false => None,
        },
        last_comma: input.parse()?,
    })
}

impl Matches {
    // Input:  rows.next().await, Some(row) if is_new(row).await
    // Output: attach!(@ the_request_context, rows.next()).await,
    //             Some(row) if attach!(@ the_request_context, is_new(row)).await
    fn rewrite(self, rewriter: &mut Rewriter) -> TokenStream {
        let Matches {
            mut value,
            comma,
            mut pattern,
            guard,
            last_comma,
        } = self;
        rewriter.visit_expr_mut(&mut value);
        rewriter.visit_pat_mut(&mut pattern);
        let guard = guard.map(|(keyword, mut guard)| {
            rewriter.visit_expr_mut(&mut guard);
            quote!(#keyword #guard)
        });
        quote!(#value #comma #pattern #guard #last_comma)
    }
}
