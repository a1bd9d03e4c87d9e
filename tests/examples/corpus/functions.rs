//! Finds the `async fn`s of a source file, and where an attribute goes.

use std::collections::HashSet;

use proc_macro2::{LineColumn, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Attribute, Expr, ExprAsync, ExprAwait, ExprClosure, ImplItem, ImplItemFn, ItemFn, ItemImpl,
    ItemMacro, ItemTrait, Macro, Signature, TraitItem, TraitItemFn,
    visit::{self, Visit},
};

/// Where a fn stands decides how what it expands to is read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Home {
    File,
    Impl,
    Trait,
}

pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) home: Home,
    pub(crate) tokens: TokenStream,
    /// The byte before which an attribute is written: above all others.
    pub(crate) at: usize,
    pub(crate) lines: (usize, usize),
    /// `#[async_trait]` and its kind allow no signature but their own; so does `#[async_recursion]`.
    pub(crate) under_async_trait: bool,
    /// A test, a handler, or `main`: called by who has no context.
    pub(crate) is_entry: bool,
    /// Calls awaited in a nested `async` block or closure, by name and bytes.
    pub(crate) nested_awaits: Vec<(String, usize, usize)>,
}

#[derive(Default)]
pub(crate) struct Found {
    pub(crate) functions: Vec<Function>,
    /// `async fn`s in the tokens of macros, which read as no item.
    pub(crate) in_macros: usize,
}

pub(crate) fn of(source: &str) -> syn::Result<Found> {
    let file = syn::parse_str::<syn::File>(source)?;
    let mut finder = Finder::default();
    finder.visit_file(&file);
    Ok(finder.found)
}

#[derive(Default)]
struct Finder {
    found: Found,
    under_async_trait: bool,
}

impl Finder {
    fn add(&mut self, item: &impl ToTokens, attrs: &[Attribute], sig: &Signature, home: Home) {
        if sig.asyncness.is_none() {
            return;
        }
        let tokens = item.to_token_stream();
        let (start, end) = edges(&tokens);
        let mut nested = NestedAwaits::default();
        nested.look_into(&tokens, home);
        self.found.functions.push(Function {
            name: sig.ident.to_string(),
            home,
            at: start.byte_range().start,
            lines: (line(start.start()), line(end.end())),
            under_async_trait: self.under_async_trait || has_attribute(attrs, "async_recursion"),
            is_entry: sig.ident == "main"
                || attrs.iter().any(|attr| {
                    ENTRIES
                        .iter()
                        .any(|entry| mentions(attr.path().to_token_stream(), entry))
                }),
            nested_awaits: nested.found,
            tokens,
        });
    }

    fn macro_of_items<T>(
        &mut self,
        mac: &Macro,
        wrapped: syn::Result<T>,
        visit: fn(&mut Self, &T),
    ) {
        match wrapped {
            Ok(items) => visit(self, &items),
            Err(_) => self.found.in_macros += async_fns(mac.tokens.clone()),
        }
    }
}

const ENTRIES: &[&str] = &["test", "main", "handler", "debug_handler"];

impl Visit<'_> for Finder {
    fn visit_item_fn(&mut self, item: &ItemFn) {
        self.add(item, &item.attrs, &item.sig, Home::File);
        let outer = std::mem::take(&mut self.under_async_trait);
        visit::visit_item_fn(self, item);
        self.under_async_trait = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &ImplItemFn) {
        self.add(item, &item.attrs, &item.sig, Home::Impl);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &TraitItemFn) {
        self.add(item, &item.attrs, &item.sig, Home::Trait);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &ItemImpl) {
        let outer = std::mem::replace(&mut self.under_async_trait, is_async_trait(&item.attrs));
        visit::visit_item_impl(self, item);
        self.under_async_trait = outer;
    }

    fn visit_item_trait(&mut self, item: &ItemTrait) {
        let outer = std::mem::replace(&mut self.under_async_trait, is_async_trait(&item.attrs));
        visit::visit_item_trait(self, item);
        self.under_async_trait = outer;
    }

    /// `cfg_feature! { pub async fn f() {} }`
    fn visit_item_macro(&mut self, item: &ItemMacro) {
        if item.ident.is_some() {
            self.found.in_macros += async_fns(item.mac.tokens.clone());
        } else {
            let items = syn::parse2::<syn::File>(item.mac.tokens.clone());
            self.macro_of_items(&item.mac, items, |this, file| this.visit_file(file));
        }
    }

    fn visit_impl_item(&mut self, item: &ImplItem) {
        if let ImplItem::Macro(item) = item {
            let tokens = &item.mac.tokens;
            let items = syn::parse2::<ItemImpl>(quote!(impl X { #tokens }));
            self.macro_of_items(&item.mac, items, |this, item| {
                visit::visit_item_impl(this, item)
            });
        } else {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &TraitItem) {
        if let TraitItem::Macro(item) = item {
            self.found.in_macros += async_fns(item.mac.tokens.clone());
        } else {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_macro(&mut self, mac: &Macro) {
        self.found.in_macros += async_fns(mac.tokens.clone());
    }
}

fn is_async_trait(attrs: &[Attribute]) -> bool {
    has_attribute(attrs, "async_trait")
}

/// Also where it stands in a `#[cfg_attr(..)]`.
fn has_attribute(attrs: &[Attribute], name: &str) -> bool {
    let mut attrs = attrs.iter();
    attrs.any(|attr| mentions(attr.to_token_stream(), name))
}

fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => mentions(group.stream(), word),
        _ => false,
    })
}

fn async_fns(tokens: TokenStream) -> usize {
    let mut count = 0;
    let mut after_async = false;
    for token in tokens {
        let is = |word| matches!(&token, TokenTree::Ident(ident) if ident == word);
        count += usize::from(after_async && is("fn"));
        after_async = is("async") || after_async && is("unsafe");
        if let TokenTree::Group(group) = token {
            count += async_fns(group.stream());
        }
    }
    count
}

#[derive(Default)]
struct NestedAwaits {
    depth: usize,
    found: Vec<(String, usize, usize)>,
}

impl NestedAwaits {
    fn look_into(&mut self, item: &TokenStream, home: Home) {
        let body = match home {
            Home::File => syn::parse2::<ItemFn>(item.clone()).map(|f| Some(*f.block)),
            Home::Impl => syn::parse2::<ImplItemFn>(item.clone()).map(|f| Some(f.block)),
            Home::Trait => syn::parse2::<TraitItemFn>(item.clone()).map(|f| f.default),
        };
        if let Ok(Some(body)) = body {
            self.visit_block(&body);
        }
    }

    fn deeper(&mut self, visit: impl FnOnce(&mut Self)) {
        self.depth += 1;
        visit(self);
        self.depth -= 1;
    }
}

impl Visit<'_> for NestedAwaits {
    fn visit_expr_async(&mut self, block: &ExprAsync) {
        self.deeper(|this| visit::visit_expr_async(this, block));
    }

    fn visit_expr_closure(&mut self, closure: &ExprClosure) {
        self.deeper(|this| visit::visit_expr_closure(this, closure));
    }

    fn visit_expr_await(&mut self, waiting: &ExprAwait) {
        let called = match &*waiting.base {
            Expr::MethodCall(call) => Some(call.method.to_string()),
            Expr::Call(call) => match &*call.func {
                Expr::Path(path) => path.path.segments.last().map(|s| s.ident.to_string()),
                _ => None,
            },
            _ => None,
        };
        if let Some(name) = called.filter(|_| self.depth > 0) {
            let (start, end) = edges(&waiting.base.to_token_stream());
            let bytes = (start.byte_range().start, end.byte_range().end);
            self.found.push((name, bytes.0, bytes.1));
        }
        visit::visit_expr_await(self, waiting);
    }

    fn visit_item(&mut self, _: &syn::Item) {}
}

fn edges(tokens: &TokenStream) -> (Span, Span) {
    let mut tokens = tokens.clone().into_iter();
    let first = tokens.next().expect("an item has tokens");
    let last = tokens.last().unwrap_or_else(|| first.clone());
    (first.span(), last.span())
}

fn line(at: LineColumn) -> usize {
    at.line
}

/// The source with `attribute(fn)` above each fn, and `attach!` around nested awaits of `attached` fns. No line moves.
pub(crate) fn annotated(
    source: &str,
    found: &Found,
    attribute: impl Fn(&Function) -> Option<String>,
    attached: &HashSet<String>,
) -> String {
    let mut insertions = Vec::new();
    for function in &found.functions {
        let Some(attribute) = attribute(function) else {
            continue;
        };
        insertions.push((function.at, format!("{attribute} ")));
        for (name, start, end) in &function.nested_awaits {
            if attached.contains(name) {
                insertions.push((*start, "::request_context::attach!(".to_owned()));
                insertions.push((*end, ")".to_owned()));
            }
        }
    }
    insertions.sort_by_key(|(at, _)| *at);
    let mut output = String::with_capacity(source.len() * 2);
    let mut done = 0;
    for (at, text) in insertions {
        output.push_str(&source[done..at]);
        output.push_str(&text);
        done = at;
    }
    output.push_str(&source[done..]);
    output
}
