//! `#[detached]` on a statement of a context fn's body.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit_mut::VisitMut;
use syn::{Attribute, Expr, ExprMacro, Meta, Path, Stmt, Token};

use crate::args::Krate;
use crate::diagnostics::Errors;
use crate::rewrite::Rewriter;
use crate::scope::{Scope, without_unsafe_lint};
use crate::words::{self, Word};

/// A detached statement, while its inside is rewritten.
pub(crate) struct Part {
    guard: Ident,
    attribute: Span,
}

impl Part {
    // Output: (__request_context_part).detached(EXPR)
    pub(crate) fn call(&self, scope: &Scope, work: &Expr) -> TokenStream {
        scope.call_detached(&self.guard, self.attribute, work)
    }

    pub(crate) fn refuse(&self, word: Word, name: &Ident, errors: &mut Errors) {
        let begins = match self.attribute.start().line {
            0 => String::new(),
            line => format!("the part begins on line {line}, "),
        };
        let way_out = match word {
            Word::Attach => "call it before",
            _ => "take what it needs before it",
        };
        let message =
            format!("`{name}!()` cannot be used in a `#[detached]` part; {begins}{way_out}");
        errors.at(name.span(), message);
    }
}

/// Takes `#[detached]` off a statement. On a nested item it is the ordinary attribute, and stays.
pub(crate) fn attribute(stmt: &mut Stmt, krate: &Krate) -> Option<Attribute> {
    let attrs = match stmt {
        Stmt::Local(local) => &mut local.attrs,
        Stmt::Macro(mac) => &mut mac.attrs,
        Stmt::Expr(expr, _) => attrs_of(expr)?,
        Stmt::Item(_) => return None,
    };
    let index = attrs
        .iter()
        .position(|attr| path(&attr.meta, krate).is_some())?;
    Some(attrs.remove(index))
}

/// The path of the `detached` that an attribute is, or that a `cfg_attr` holds.
pub(crate) fn path(attr: &Meta, krate: &Krate) -> Option<Path> {
    if !attr.path().is_ident("cfg_attr") {
        return Some(attr.path().clone()).filter(|path| is_detached(path, krate));
    }
    let Meta::List(list) = attr else {
        return None;
    };
    let metas = Punctuated::<Meta, Token![,]>::parse_terminated;
    let metas = metas.parse2(list.tokens.clone()).ok()?;
    // The first is the condition.
    metas.iter().skip(1).find_map(|meta| path(meta, krate))
}

fn is_detached(path: &Path, krate: &Krate) -> bool {
    let (Some(first), Some(last)) = (path.segments.first(), path.segments.last()) else {
        return false;
    };
    last.ident == "detached" && (path.get_ident().is_some() || krate.starts_with(&first.ident))
}

/// Where `syn` keeps the attributes of an expression statement: on the leftmost operand.
fn attrs_of(expr: &mut Expr) -> Option<&mut Vec<Attribute>> {
    Some(match expr {
        Expr::Assign(e) => return attrs_of(&mut e.left),
        Expr::Binary(e) => return attrs_of(&mut e.left),
        Expr::Cast(e) => return attrs_of(&mut e.expr),
        Expr::Array(e) => &mut e.attrs,
        Expr::Async(e) => &mut e.attrs,
        Expr::Await(e) => &mut e.attrs,
        Expr::Block(e) => &mut e.attrs,
        Expr::Break(e) => &mut e.attrs,
        Expr::Call(e) => &mut e.attrs,
        Expr::Closure(e) => &mut e.attrs,
        Expr::Field(e) => &mut e.attrs,
        Expr::ForLoop(e) => &mut e.attrs,
        Expr::Group(e) => &mut e.attrs,
        Expr::If(e) => &mut e.attrs,
        Expr::Index(e) => &mut e.attrs,
        Expr::Infer(e) => &mut e.attrs,
        Expr::Lit(e) => &mut e.attrs,
        Expr::Loop(e) => &mut e.attrs,
        Expr::Macro(e) => &mut e.attrs,
        Expr::Match(e) => &mut e.attrs,
        Expr::MethodCall(e) => &mut e.attrs,
        Expr::Paren(e) => &mut e.attrs,
        Expr::Path(e) => &mut e.attrs,
        Expr::Range(e) => &mut e.attrs,
        Expr::Reference(e) => &mut e.attrs,
        Expr::Repeat(e) => &mut e.attrs,
        Expr::Return(e) => &mut e.attrs,
        Expr::Struct(e) => &mut e.attrs,
        Expr::Try(e) => &mut e.attrs,
        Expr::Tuple(e) => &mut e.attrs,
        Expr::Unary(e) => &mut e.attrs,
        Expr::Unsafe(e) => &mut e.attrs,
        Expr::While(e) => &mut e.attrs,
        _ => return None,
    })
}

// Input:  #[detached] let raw = load(5).await?;
// Output: let raw = { let __request_context_part = unsafe { detached_part() };
//                     (__request_context_part).detached(load(5)).await? };
//
// Input:  #[detached] foo(&x).await;
// Output: { let __request_context_part = unsafe { detached_part() };
//           (__request_context_part).detached(foo(&x)).await; }
pub(crate) fn statement(rewriter: &mut Rewriter, attr: Attribute, stmt: &mut Stmt) {
    if attr.path().is_ident("cfg_attr") {
        rewriter.errors.on(
            &attr,
            "`#[detached]` cannot be used in a `cfg_attr` on a statement; write the statement twice instead: \
             under `#[cfg(..)]` with `#[detached]`, and under `#[cfg(not(..))]` without",
        );
        rewriter.take_off(&attr);
        return rewriter.visit_stmt_mut(stmt);
    }
    if !matches!(attr.meta, Meta::Path(_)) {
        rewriter.errors.on(
            &attr.meta,
            "`#[detached]` takes no arguments on a statement; write `#[detached]`",
        );
    }
    while let Some(second) = attribute(stmt, &rewriter.scope.krate) {
        rewriter
            .errors
            .on(second, "duplicate `#[detached]`; remove one of them");
    }
    let part = Part {
        guard: Ident::new("__request_context_part", Span::mixed_site()),
        attribute: name_span(attr.path()),
    };
    let guard = guard(attr.path(), &part, &rewriter.scope.krate);
    match stmt {
        Stmt::Local(local) => {
            let Some(init) = &mut local.init else {
                rewriter.errors.on(
                    &attr,
                    "`#[detached]` cannot be used on a `let` without a value; put it where the value is assigned instead",
                );
                rewriter.take_off(&attr);
                return;
            };
            inside(rewriter, part, |rewriter| {
                rewriter.visit_expr_mut(&mut init.expr)
            });
            let value = Stmt::Expr((*init.expr).clone(), None);
            let mut block = quote!({ #guard #value });
            if let Some((_, otherwise)) = &mut init.diverge {
                rewriter.visit_expr_mut(otherwise);
                // A brace may not stand before the `else`.
                block = quote!((#block));
            }
            *init.expr = Expr::Verbatim(block);
        }
        Stmt::Expr(..) | Stmt::Macro(_) => {
            inside(rewriter, part, |rewriter| rewriter.visit_stmt_mut(stmt));
            let inner = as_expression(stmt);
            *stmt = Stmt::Expr(Expr::Verbatim(quote!({ #guard #inner })), None);
        }
        Stmt::Item(_) => {}
    }
}

fn inside(rewriter: &mut Rewriter, part: Part, visit: impl FnOnce(&mut Rewriter)) {
    rewriter.has_parts = true;
    let outer = rewriter.part.replace(part);
    visit(rewriter);
    rewriter.part = outer;
}

/// A macro without a semicolon may be the value of the block around it.
fn as_expression(stmt: &Stmt) -> Stmt {
    match stmt {
        Stmt::Macro(mac) if mac.semi_token.is_none() => Stmt::Expr(
            Expr::Macro(ExprMacro {
                attrs: mac.attrs.clone(),
                mac: mac.mac.clone(),
            }),
            None,
        ),
        other => other.clone(),
    }
}

/// The guard is created at the attribute, which is the place that a panic names later.
fn guard(path: &Path, part: &Part, krate: &Krate) -> TokenStream {
    let span = part.attribute;
    let krate = krate.at(span);
    let create = without_unsafe_lint(quote_spanned!(span=> #krate::__private::detached_part()));
    let guard = &part.guard;
    let import = words::import(&path.to_token_stream());
    quote! {
        #import
        let #guard = #create;
    }
}

fn name_span(path: &Path) -> Span {
    path.segments
        .last()
        .map_or_else(Span::call_site, |segment| segment.ident.span())
}
