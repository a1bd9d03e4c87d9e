//! The fn an attribute stands on. Its body stays tokens here.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Result, Signature, Token, Visibility, braced, token};

pub(crate) struct FnItem {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) defaultness: Option<Token![default]>,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Block(token::Brace, TokenStream),
    /// A trait method that is only declared.
    Semi(Token![;]),
}

pub(crate) enum Item {
    Fn(Box<FnItem>),
    /// Something else, and the word that says what.
    Other(TokenTree),
    Unreadable(syn::Error),
}

impl Item {
    pub(crate) fn parse(tokens: TokenStream) -> Self {
        if let Some(item) = FnItem::of_head_and_body(&tokens) {
            return Item::Fn(Box::new(item));
        }
        match FnItem::parse.parse2(tokens.clone()) {
            Ok(item) => Item::Fn(Box::new(item)),
            Err(error) => match what_else(tokens) {
                Some(keyword) => Item::Other(keyword),
                None => Item::Unreadable(error),
            },
        }
    }
}

impl FnItem {
    /// What `parse` gives for most fns, without going through every token of the body.
    fn of_head_and_body(tokens: &TokenStream) -> Option<Self> {
        let mut head: Vec<_> = tokens.clone().into_iter().collect();
        let Some(TokenTree::Group(body)) = head.pop() else {
            return None;
        };
        let tokens = body.stream();
        // Inner attributes begin like this.
        let begins_with_hash = matches!(
            tokens.clone().into_iter().next(),
            Some(TokenTree::Punct(first)) if first.as_char() == '#'
        );
        if body.delimiter() != Delimiter::Brace || begins_with_hash {
            return None;
        }
        let brace = token::Brace {
            span: body.delim_span(),
        };
        let parser = |input: ParseStream| {
            Ok(FnItem {
                attrs: input.call(Attribute::parse_outer)?,
                vis: input.parse()?,
                defaultness: input.parse()?,
                sig: input.parse()?,
                body: Body::Block(brace, tokens),
            })
        };
        parser.parse2(head.into_iter().collect()).ok()
    }

    fn parse(input: ParseStream) -> Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let defaultness = input.parse()?;
        let sig = input.parse()?;
        let body = if input.peek(Token![;]) {
            Body::Semi(input.parse()?)
        } else {
            let content;
            let brace = braced!(content in input);
            // The body moves into a block of its own, where inner attributes are not allowed everywhere.
            attrs.extend(
                content
                    .call(Attribute::parse_inner)?
                    .into_iter()
                    .map(|mut attr| {
                        attr.style = syn::AttrStyle::Outer;
                        attr
                    }),
            );
            Body::Block(brace, content.parse()?)
        };
        Ok(FnItem {
            attrs,
            vis,
            defaultness,
            sig,
            body,
        })
    }

    /// Whether it is what `#[async_trait]` has made of an `async fn`.
    pub(crate) fn is_of_async_trait(&self) -> bool {
        let mut lifetimes = self.sig.generics.lifetimes();
        self.sig.asyncness.is_none() && lifetimes.any(|l| l.lifetime.ident == "async_trait")
    }
}

impl ToTokens for FnItem {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attr in &self.attrs {
            attr.to_tokens(tokens);
        }
        self.vis.to_tokens(tokens);
        self.defaultness.to_tokens(tokens);
        self.sig.to_tokens(tokens);
        match &self.body {
            Body::Block(brace, body) => brace.surround(tokens, |tokens| body.to_tokens(tokens)),
            Body::Semi(semi) => semi.to_tokens(tokens),
        }
    }
}

/// The keyword of an item that is not a fn.
fn what_else(tokens: TokenStream) -> Option<TokenTree> {
    let parser = |input: ParseStream| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let rest: TokenStream = input.parse()?;
        Ok(rest)
    };
    let rest = parser.parse2(tokens).ok()?;
    let mut first = None;
    for token in rest {
        match &token {
            TokenTree::Ident(word) if word == "fn" => return None,
            TokenTree::Ident(word)
                if ["default", "const", "async", "unsafe", "safe", "extern"]
                    .iter()
                    .any(|m| word == m) =>
            {
                first.get_or_insert(token);
            }
            // The ABI of `extern "C" fn`.
            TokenTree::Literal(_) if first.is_some() => {}
            TokenTree::Ident(word)
                if ["impl", "trait", "mod", "crate"].iter().any(|k| word == k) =>
            {
                return Some(token);
            }
            _ => return first.or(Some(token)),
        }
    }
    first
}

/// Whether the last segment of an attribute's path is one of `names`.
pub(crate) fn is_named(attr: &Attribute, names: &[&str]) -> bool {
    let last = attr.path().segments.last();
    last.is_some_and(|segment| names.iter().any(|name| segment.ident == name))
}
