//! Fns that call themselves.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Signature;

use crate::parameters::mentions;

/// Whether the body may call the fn of this signature, as far as names say.
pub(crate) fn is_possible(sig: &Signature, body: &TokenStream) -> bool {
    let is_method = sig.receiver().is_some();
    let is_variable = mentions(sig.inputs.to_token_stream(), &sig.ident.to_string())
        || any_use(body.clone(), &sig.ident, &|before, _| {
            let declares = ["let", "mut", "ref"];
            matches!(before.last(), Some(TokenTree::Ident(word)) if declares.iter().any(|d| word == d))
        });
    any_use(body.clone(), &sig.ident, &|before, after| {
        let is_called =
            matches!(after.first(), Some(TokenTree::Group(_))) || starts_with_path(after);
        match ends_with_dot(before) {
            // What has no receiver is no method, and a field is not called.
            true => is_called && is_method,
            false => is_called || ends_with_path(before) || !is_variable,
        }
    })
}

/// Whether `wanted` is true of what stands before and after some use of the name.
fn any_use(
    tokens: TokenStream,
    name: &Ident,
    wanted: &dyn Fn(&[TokenTree], &[TokenTree]) -> bool,
) -> bool {
    let tokens: Vec<_> = tokens.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => any_use(group.stream(), name, wanted),
        TokenTree::Ident(ident) => ident == name && wanted(&tokens[..at], &tokens[at + 1..]),
        _ => false,
    })
}

fn is(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

fn starts_with_path(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [first, second, ..] if is(first, ':') && is(second, ':'))
}

fn ends_with_path(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [.., first, second] if is(first, ':') && is(second, ':'))
}

/// That of a member, not that of a range.
fn ends_with_dot(tokens: &[TokenTree]) -> bool {
    match tokens {
        [.., first, second] => is(second, '.') && !is(first, '.'),
        [only] => is(only, '.'),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse_quote;

    use super::*;

    #[test]
    fn a_call_is_known_by_its_name() {
        let calls = |body| is_possible(&parse_quote!(async fn f(f: u8, id: u8)), &body);
        assert!(calls(quote!(Box::pin(f(id)).await)));
        assert!(calls(quote!(spawn(Self::f::<T>))));
        assert!(calls(quote!(join!(a, b(f(id))))));
        assert!(calls(quote!(f::<T>(id))));
        assert!(calls(quote!((0..f(id)))));
        assert!(calls(quote!(a.map(self::f))));
        assert!(!calls(quote!(a.f().await)));
        assert!(!calls(quote!(g(f).await)));
        assert!(!calls(quote!(A { f: 1 })));
    }

    #[test]
    fn a_variable_of_its_name_is_no_call() {
        let calls = |body| is_possible(&parse_quote!(async fn f(id: u8)), &body);
        assert!(calls(quote!(all.map(f))));
        assert!(!calls(quote!(let f = g(id); h(f))));
        assert!(!calls(quote!(if let Some(mut f) = g(id) {
            h(f)
        })));
        assert!(calls(quote!(let f = g(id); f(id))));
    }

    #[test]
    fn a_method_may_be_called_on_anything() {
        let calls = |body| is_possible(&parse_quote!(async fn f(&self)), &body);
        assert!(calls(quote!(self.next.f().await)));
        assert!(calls(quote!(self.f::<T>().await)));
        assert!(!calls(quote!(self.f)));
        assert!(!calls(quote!((self.f, 1))));
    }
}
