//! The body of a context fn: awaits and words.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{
    AngleBracketedGenericArguments, Attribute, Expr, ExprAsync, ExprClosure, ExprConst, ExprMacro,
    ExprRepeat, Item, Local, Macro, Path, Stmt, StmtMacro, Token, Type,
};

use crate::blocking;
use crate::combinators;
use crate::detach::{self, Part};
use crate::diagnostics::Errors;
use crate::expand::are_bare;
use crate::half_typed::{self, Reader, Statements};
use crate::instrument;
use crate::scope::Scope;
use crate::words::{self, Replacement, Use, Word};

/// A rewritten body, and what it needs before it.
pub(crate) struct Rewritten {
    pub(crate) body: TokenStream,
    /// Whether it may be a single expression.
    pub(crate) is_bare: bool,
    pub(crate) uses: Uses,
    /// Whether it has `#[detached]` parts.
    pub(crate) has_parts: bool,
    pub(crate) is_half_typed: bool,
}

/// Which hidden locals a body names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    anchor: bool,
    token: bool,
}

impl Uses {
    /// The locals that it names.
    pub(crate) fn bind(self, scope: &Scope) -> TokenStream {
        let anchor = (self.anchor || self.token).then(|| scope.bind_anchor());
        let token = self.token.then(|| scope.bind_token());
        quote!(#anchor #token)
    }
}

// Input:  let rows = load(id).await?; context!().user
// Output: let rows = (unsafe { inside::<App>() }).call(load(id)).await?;
//         (*{ context!(@); unsafe { token::<App>(&the_request_context) } }).user
pub(crate) fn body(tokens: TokenStream, scope: &Scope, errors: &mut Errors) -> Rewritten {
    let Statements {
        all: mut stmts,
        are_half_typed,
    } = half_typed::statements(tokens, errors);
    let mut rewriter = Rewriter {
        scope,
        errors,
        place: Place::Body,
        is_awaited: false,
        part: None,
        has_parts: false,
        uses: Uses::default(),
    };
    for stmt in &mut stmts {
        rewriter.visit_stmt_mut(stmt);
    }
    let (uses, has_parts) = (rewriter.uses, rewriter.has_parts);
    Rewritten {
        body: quote!(#(#stmts)*),
        is_bare: are_bare(&stmts),
        uses,
        has_parts,
        is_half_typed: are_half_typed,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Body,
    /// Tokens of the body that another macro expands: arguments of `join!` or `format!`, the `async`
    /// block of `#[instrument]`. A user may have a macro of that name which takes them to another
    /// task; so awaits borrow the token here, and that does not compile.
    Expanded,
    /// What `#[instrument]` puts around that block: none of it is the user's.
    Wrapper,
    /// A nested `async` block or closure, which may run in another task: its awaits are its own.
    Nested,
}

pub(crate) struct Rewriter<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) errors: &'a mut Errors,
    place: Place,
    /// Whether the expression to come is awaited.
    is_awaited: bool,
    /// The detached statement around here.
    pub(crate) part: Option<Part>,
    pub(crate) has_parts: bool,
    uses: Uses,
}

impl Rewriter<'_> {
    /// Whether the code here runs in the body's own task for sure.
    pub(crate) fn in_body(&self) -> bool {
        matches!(self.place, Place::Body | Place::Expanded)
    }

    fn within<R>(&mut self, place: Place, visit: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.place, place);
        let result = visit(self);
        self.place = outer;
        result
    }

    /// Goes through what another macro expands.
    pub(crate) fn expanded<R>(&mut self, visit: impl FnOnce(&mut Self) -> R) -> R {
        let place = match self.place {
            Place::Body => Place::Expanded,
            other => other,
        };
        self.within(place, visit)
    }

    /// Gives a statement's `#[detached]` up, for an error.
    pub(crate) fn take_off(&mut self, attr: &Attribute) {
        if let Some(path) = detach::path(&attr.meta, &self.scope.krate) {
            self.errors.taken_off(&path);
        }
    }

    /// A future that other code in this task will await: a branch of `join!` or `select!`.
    pub(crate) fn handed_on(&mut self, work: &Expr) -> Expr {
        Expr::Verbatim(match &self.part {
            Some(part) => part.call(self.scope, work),
            None => {
                self.uses.token = true;
                self.scope.attach(work)
            }
        })
    }

    /// The future of an `.await`.
    fn awaited(&mut self, work: &Expr) -> TokenStream {
        match (&self.part, self.place) {
            (Some(part), _) => part.call(self.scope, work),
            (None, Place::Expanded) => {
                self.uses.token = true;
                self.scope.attach(work)
            }
            (None, _) => self.scope.call(work),
        }
    }

    /// The arguments of a word, checked.
    fn checked_args(&mut self, word: Word, name: &Ident, args: TokenStream) -> TokenStream {
        if let Some(part) = &self.part {
            part.refuse(word, name, self.errors);
        }
        let args = words::unbound(args);
        if word != Word::Attach {
            if !args.is_empty() {
                self.errors.on(
                    args,
                    format!("`{name}!` takes no arguments; write `{name}!()`"),
                );
            }
            return TokenStream::new();
        }
        let mistake = if are_several(args.clone()) {
            "`attach!` takes one call; attach each by itself: `attach!(f())`"
        } else if args.is_empty() {
            "`attach!` needs an argument; name the call to attach: `attach!(f())`"
        } else {
            return args;
        };
        self.errors.at(name.span(), mistake);
        quote!(::core::future::ready(()))
    }

    /// The arguments of a word in code that may run elsewhere, with the token before them.
    fn word(&mut self, word: Word, name: &Ident, args: TokenStream) -> TokenStream {
        let args = self.checked_args(word, name, args);
        self.uses.token = true;
        let token = self.scope.token(name.span());
        match word {
            Word::Attach => quote!(@ #token, #args),
            _ => quote!(@ #token),
        }
    }

    /// What stands for a word in the body's own code; `None` where that is not what `expr` is.
    fn word_here(&mut self, expr: &mut Expr) -> Option<TokenStream> {
        let Expr::Macro(ExprMacro { attrs, mac }) = expr else {
            return None;
        };
        let (word, name) = Word::of_path(&mac.path, &self.scope.krate)?;
        if self.place != Place::Body || word == Word::Block {
            return None;
        }
        // What cannot be read as an argument stays one of the macro.
        if word == Word::Attach && syn::parse2::<Expr>(mac.tokens.clone()).is_err() {
            return None;
        }
        let args = self.word_args(word, std::mem::take(&mut mac.tokens));
        let args = self.checked_args(word, &name, args);
        self.uses.anchor = true;
        let end = mac.delimiter.span().close();
        let word = self.scope.word_here(word, &mac.path, &name, &args, end);
        Some(quote!(#(#attrs)* #word))
    }

    /// Tokens of the body that cannot be read as Rust. A closure or an `async` block may be among them.
    fn unread(&mut self, tokens: TokenStream) -> TokenStream {
        let tokens = match self.in_body() {
            true => half_typed::rewrite(tokens, self),
            false => tokens,
        };
        self.words(tokens)
    }

    /// Words in tokens that cannot be read as Rust.
    pub(crate) fn words(&mut self, tokens: TokenStream) -> TokenStream {
        let krate = self.scope.krate.clone();
        words::in_tokens(
            tokens,
            &krate,
            &mut |Use {
                      word, name, args, ..
                  }| {
                let args = self.word_args(word, args);
                Replacement::Args(self.word(word, &name, args))
            },
        )
    }

    /// The call in `attach!(call)` is code of the place that `attach!` stands in.
    fn word_args(&mut self, word: Word, args: TokenStream) -> TokenStream {
        if word != Word::Attach {
            return args;
        }
        match syn::parse2::<Expr>(args.clone()) {
            Ok(mut expr) => {
                self.expanded(|this| this.visit_expr_mut(&mut expr));
                quote!(#expr)
            }
            Err(_) => self.words(args),
        }
    }
}

impl Reader for Rewriter<'_> {
    fn statement(&mut self, stmt: &mut Stmt) {
        self.expanded(|this| this.visit_stmt_mut(stmt));
    }

    fn errors(&mut self) -> &mut Errors {
        self.errors
    }
}

impl VisitMut for Rewriter<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        // What is awaited does not block, whatever it is called.
        let awaited = std::mem::replace(&mut self.is_awaited, matches!(expr, Expr::Await(_)));
        if !awaited && self.in_body() && !self.scope.allow_blocking {
            blocking::refuse(expr, self.errors);
        }
        if let Some(tokens) = self.word_here(expr) {
            *expr = Expr::Verbatim(tokens);
            return;
        }
        visit_mut::visit_expr_mut(self, expr);
        match expr {
            Expr::Await(waiting) if self.in_body() => {
                let attrs = &waiting.attrs;
                let work = self.awaited(without_parens(&waiting.base));
                let (dot, keyword) = (&waiting.dot_token, &waiting.await_token);
                *expr = Expr::Verbatim(quote!(#(#attrs)* #work #dot #keyword));
            }
            Expr::Verbatim(tokens) => *tokens = self.unread(std::mem::take(tokens)),
            _ => {}
        }
    }

    fn visit_macro_mut(&mut self, mac: &mut Macro) {
        match Word::of_path(&mac.path, &self.scope.krate) {
            Some((Word::Block, _)) => {}
            Some((word, name)) => {
                let args = self.word_args(word, std::mem::take(&mut mac.tokens));
                mac.tokens = self.word(word, &name, args);
            }
            None if self.in_body() && self.expanded(|this| combinators::rewrite(this, mac)) => {}
            None => mac.tokens = self.words(std::mem::take(&mut mac.tokens)),
        }
    }

    fn visit_stmt_mut(&mut self, stmt: &mut Stmt) {
        match detach::attribute(stmt, &self.scope.krate) {
            Some(attr) if self.in_body() => detach::statement(self, attr, stmt),
            Some(attr) => {
                self.take_off(&attr);
                self.errors.on(
                    attr,
                    "`#[detached]` cannot be used in a nested `async` block or closure; \
                     put it on a statement of the body itself, or call a `#[detached]` fn instead",
                );
                visit_mut::visit_stmt_mut(self, stmt);
            }
            None => visit_mut::visit_stmt_mut(self, stmt),
        }
    }

    fn visit_local_mut(&mut self, local: &mut Local) {
        let in_body = self.place == Place::Body;
        match instrument::wrapper(local) {
            Some(block) if in_body => {
                let is_body = instrument::is_body(block) || !instrument::has_body(block);
                let place = if is_body {
                    Place::Expanded
                } else {
                    Place::Wrapper
                };
                self.within(place, |this| visit_mut::visit_block_mut(this, block));
            }
            _ => visit_mut::visit_local_mut(self, local),
        }
    }

    fn visit_expr_async_mut(&mut self, block: &mut ExprAsync) {
        let is_body = self.place == Place::Wrapper && instrument::is_body(&block.block);
        let place = if is_body {
            Place::Expanded
        } else {
            Place::Nested
        };
        self.within(place, |this| visit_mut::visit_expr_async_mut(this, block));
    }

    fn visit_expr_closure_mut(&mut self, closure: &mut ExprClosure) {
        self.within(Place::Nested, |this| {
            visit_mut::visit_expr_closure_mut(this, closure)
        });
    }

    fn visit_item_mut(&mut self, item: &mut Item) {
        // A `macro_rules!` is expanded in the body, so its words are the body's. Other items are not our business.
        if let Item::Macro(item) = item {
            visit_mut::visit_item_macro_mut(self, item);
        }
    }

    fn visit_expr_repeat_mut(&mut self, repeat: &mut ExprRepeat) {
        self.visit_expr_mut(&mut repeat.expr);
    }

    fn visit_stmt_macro_mut(&mut self, stmt: &mut StmtMacro) {
        self.visit_macro_mut(&mut stmt.mac);
    }

    // Constants, types and attributes hold no code of the body.
    fn visit_expr_const_mut(&mut self, _: &mut ExprConst) {}
    fn visit_type_mut(&mut self, _: &mut Type) {}
    fn visit_path_mut(&mut self, _: &mut Path) {}
    fn visit_angle_bracketed_generic_arguments_mut(
        &mut self,
        _: &mut AngleBracketedGenericArguments,
    ) {
    }
    fn visit_attribute_mut(&mut self, _: &mut Attribute) {}
}

/// `(&mut job).await` needs its parentheses, `call(&mut job).await` would be linted for them.
pub(crate) fn without_parens(mut expr: &Expr) -> &Expr {
    while let Expr::Paren(paren) = expr {
        if !paren.attrs.is_empty() {
            break;
        }
        expr = &paren.expr;
    }
    expr
}

/// Whether these are several calls. Tokens that do not parse are left alone.
fn are_several(args: TokenStream) -> bool {
    let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
    parser.parse2(args).is_ok_and(|calls| calls.len() > 1)
}

#[cfg(test)]
mod tests;
