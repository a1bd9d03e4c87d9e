//! The arguments of the attributes, as structs.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Path, Result, Token, Type, parenthesized};

use crate::diagnostics::Errors;

/// Where `request-context` is found.
#[derive(Clone, Default)]
pub(crate) struct Krate(Option<Path>);

impl Krate {
    /// The path, located at `span`. Tokens that the user wrote keep their hygiene.
    pub(crate) fn at(&self, span: Span) -> TokenStream {
        match &self.0 {
            None => quote_spanned!(span=> ::request_context),
            Some(path) => path
                .to_token_stream()
                .into_iter()
                .map(|mut token| {
                    token.set_span(span.resolved_at(token.span()));
                    token
                })
                .collect(),
        }
    }

    /// Whether a path that starts with `segment` may lead into this crate.
    pub(crate) fn starts_with(&self, segment: &Ident) -> bool {
        let renamed = self.0.as_ref().and_then(|path| path.segments.first());
        segment == "request_context" || renamed.is_some_and(|first| first.ident == *segment)
    }
}

/// What a body may touch: a context whose state is known, or any.
#[derive(Clone)]
pub(crate) enum State {
    Typed(Box<Type>),
    Any,
}

pub(crate) struct ContextArgs {
    pub(crate) state: State,
    /// Where it says `boxed`.
    pub(crate) boxed: Option<Span>,
    pub(crate) not_send: bool,
    pub(crate) krate: Krate,
    pub(crate) allow_blocking: bool,
}

pub(crate) struct DetachedArgs {
    pub(crate) not_send: bool,
    pub(crate) krate: Krate,
}

/// Every argument any of the attributes takes, each at most once.
#[derive(Default)]
struct Given {
    state: Option<Type>,
    boxed: Option<Span>,
    not_send: Option<()>,
    krate: Option<Path>,
    allow_blocking: Option<()>,
}

impl ContextArgs {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        Given::parse(tokens, Legal::Context, errors).into()
    }

    /// What stands before the block of `context_block!`.
    pub(crate) fn of_block(tokens: TokenStream, errors: &mut Errors) -> Self {
        Given::parse(tokens, Legal::Block, errors).into()
    }
}

impl From<Given> for ContextArgs {
    fn from(given: Given) -> Self {
        ContextArgs {
            state: given
                .state
                .map_or(State::Any, |ty| State::Typed(Box::new(ty))),
            boxed: given.boxed,
            not_send: given.not_send.is_some(),
            krate: Krate(given.krate),
            allow_blocking: given.allow_blocking.is_some(),
        }
    }
}

impl DetachedArgs {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let given = Given::parse(tokens, Legal::Detached, errors);
        DetachedArgs {
            not_send: given.not_send.is_some(),
            krate: Krate(given.krate),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Legal {
    Context,
    Block,
    Detached,
}

impl Legal {
    fn names(self) -> &'static str {
        match self {
            Legal::Context => {
                "a state type, `boxed`, `?Send`, `crate = <path>` or `allow(blocking)`"
            }
            Legal::Block => "a state type, `crate = <path>` or `allow(blocking)`",
            Legal::Detached => "`?Send` or `crate = <path>`",
        }
    }

    fn unknown(self, tokens: impl ToTokens, name: &str) -> Error {
        let names = self.names();
        Error::new_spanned(
            tokens,
            format!("unknown argument `{name}`, expected {names}"),
        )
    }
}

impl Given {
    fn parse(tokens: TokenStream, legal: Legal, errors: &mut Errors) -> Self {
        let mut given = Given::default();
        let parser = |input: ParseStream| {
            while !input.is_empty() {
                if let Err(error) = given.argument(input, legal) {
                    errors.push(error);
                    skip_to_comma(input);
                } else if !input.is_empty() && !input.peek(Token![,]) {
                    errors.push(input.error("expected `,`"));
                    skip_to_comma(input);
                }
                let _: Option<Token![,]> = input.parse()?;
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            errors.push(error);
        }
        given
    }

    fn argument(&mut self, input: ParseStream, legal: Legal) -> Result<()> {
        if input.peek(Token![?]) {
            return self.not_send(input, legal);
        }
        if input.peek(Token![crate]) && !input.peek2(Token![::]) {
            let token: Token![crate] = input.parse()?;
            let path = crate_path(input, token.span)?;
            return set(&mut self.krate, path, token, "crate");
        }
        if let Some(name) = named(input)? {
            return self.named(name, input, legal);
        }
        if legal == Legal::Detached {
            let ty: Type = input.parse()?;
            return Err(legal.unknown(&ty, &ty.to_token_stream().to_string()));
        }
        let ty: Type = input.parse()?;
        set(&mut self.state, ty.clone(), ty, "state")
    }

    fn not_send(&mut self, input: ParseStream, legal: Legal) -> Result<()> {
        let question: Token![?] = input.parse()?;
        let name = match input.call(Ident::parse_any) {
            Ok(name) => name,
            Err(_) => return Err(legal.unknown(question, "?")),
        };
        if name != "Send" || legal == Legal::Block {
            return Err(legal.unknown(&name, &format!("?{name}")));
        }
        set(&mut self.not_send, (), name, "?Send")
    }

    fn named(&mut self, name: Ident, input: ParseStream, legal: Legal) -> Result<()> {
        if legal == Legal::Context && name == "boxed" {
            return set(&mut self.boxed, name.span(), name, "boxed");
        }
        if legal != Legal::Detached && name == "allow" {
            allow_blocking(input, name.span())?;
            return set(&mut self.allow_blocking, (), name, "allow(blocking)");
        }
        Err(legal.unknown(&name, &name.to_string()))
    }
}

/// The name of an argument that is not a type: what a type could not be, or would not be called.
fn named(input: ParseStream) -> Result<Option<Ident>> {
    let ahead = input.fork();
    let Ok(name) = ahead.call(Ident::parse_any) else {
        return Ok(None);
    };
    let lower_case = name.to_string().starts_with(|c: char| c.is_lowercase());
    let alone = ahead.is_empty() || ahead.peek(Token![,]);
    let valued = ahead.peek(Token![=]) || lower_case && ahead.peek(syn::token::Paren);
    let starts_a_type = is_primitive(&name) || ["fn", "dyn", "impl"].iter().any(|k| name == k);
    if !starts_a_type && (valued || alone && lower_case) {
        return input.call(Ident::parse_any).map(Some);
    }
    Ok(None)
}

fn is_primitive(name: &Ident) -> bool {
    const PRIMITIVES: &[&str] = &[
        "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32",
        "i64", "i128", "isize", "f32", "f64",
    ];
    PRIMITIVES.iter().any(|p| name == p)
}

fn crate_path(input: ParseStream, name: Span) -> Result<Path> {
    let expected = |found: Option<TokenTree>| match found {
        Some(token) => Error::new(
            token.span(),
            format!("expected `crate = <path>`, found `{token}`"),
        ),
        None => Error::new(name, "expected `crate = <path>`, found nothing"),
    };
    if input.parse::<Token![=]>().is_err() {
        return Err(expected(input.fork().parse().ok()));
    }
    match input.call(Path::parse_mod_style) {
        Ok(path) => Ok(path),
        Err(_) => Err(expected(input.fork().parse().ok())),
    }
}

fn allow_blocking(input: ParseStream, name: Span) -> Result<()> {
    let wrong = |span| Error::new(span, "expected `allow(blocking)`");
    if !input.peek(syn::token::Paren) {
        return Err(wrong(name));
    }
    let content;
    parenthesized!(content in input);
    match content.parse::<Ident>() {
        Ok(what) if what == "blocking" && content.is_empty() => Ok(()),
        Ok(what) => Err(wrong(what.span())),
        Err(_) => {
            let _: TokenStream = content.parse()?;
            Err(wrong(name))
        }
    }
}

fn set<T>(slot: &mut Option<T>, value: T, at: impl ToTokens, name: &str) -> Result<()> {
    if slot.is_some() {
        let message = match name {
            "state" => "duplicate state argument".to_owned(),
            name => format!("duplicate `{name}` argument"),
        };
        return Err(Error::new_spanned(at, message));
    }
    *slot = Some(value);
    Ok(())
}

fn skip_to_comma(input: ParseStream) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _: Result<TokenTree> = input.parse();
    }
}

#[cfg(test)]
mod tests;
