//! Collects every mistake of one item, so that one compile shows them all.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Error, Path};

use crate::words;

#[derive(Default)]
pub(crate) struct Errors {
    all: Option<Error>,
    /// Imports of attributes that were taken off for an error, and would count as unused.
    imports: TokenStream,
    /// Whether these are of tokens that `rustc` has not read.
    of_unread_tokens: bool,
}

impl Errors {
    pub(crate) fn of_unread_tokens() -> Self {
        Errors {
            of_unread_tokens: true,
            ..Errors::default()
        }
    }

    pub(crate) fn are_of_unread_tokens(&self) -> bool {
        self.of_unread_tokens
    }

    /// What is not Rust: `rustc` has said it of what it has read.
    pub(crate) fn syntax(&mut self, span: Span, message: impl Display) {
        if self.of_unread_tokens {
            self.at(span, message);
        }
    }

    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.all {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_none()
    }

    /// Keeps the import of an attribute that is taken off from counting as unused.
    pub(crate) fn taken_off(&mut self, path: &Path) {
        self.imports.extend(words::import(&path.to_token_stream()));
    }

    /// The body, with what `taken_off` has left to be written into it.
    pub(crate) fn with_imports(&mut self, body: TokenStream) -> TokenStream {
        match std::mem::take(&mut self.imports) {
            imports if imports.is_empty() => body,
            imports => quote!(#imports #body),
        }
    }

    /// An error under one token.
    pub(crate) fn at(&mut self, span: Span, message: impl Display) {
        self.push(Error::new(span, message));
    }

    /// An error under all of `tokens`.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(Error::new_spanned(tokens, message));
    }
}

impl ToTokens for Errors {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        if let Some(error) = &self.all {
            tokens.extend(error.to_compile_error());
        }
    }
}

#[cfg(test)]
impl Errors {
    pub(crate) fn messages(&self) -> Vec<String> {
        self.all.iter().flatten().map(|e| e.to_string()).collect()
    }
}
