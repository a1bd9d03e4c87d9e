//! The parameters of a fn whose body moves into an `async` block.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Attribute, FnArg, Meta, Pat, PatIdent, Signature};

/// Names every parameter, and gives the statements that put the user's patterns back inside the block.
///
/// A plain `async fn` drops its arguments after its locals, in reverse order, used or not; so do these statements.
//
// Input:  fn f(&self, mut id: u64, (a, b): (u8, u8), _: Guard)
// Output: fn f(&self, id: u64, __request_context_arg2: (u8, u8), __request_context_arg3: Guard)
//         let _ = &self;
//         let mut id = id;
//         let __request_context_arg2 = __request_context_arg2; let (a, b) = __request_context_arg2;
//         let __request_context_arg3 = __request_context_arg3; let _ = __request_context_arg3;
pub(crate) fn move_into_body(sig: &mut Signature) -> TokenStream {
    let mut statements = TokenStream::new();
    for (index, input) in sig.inputs.iter_mut().enumerate() {
        match input {
            FnArg::Receiver(receiver) => {
                let this = receiver.self_token;
                // `_` would be dropped with the block's other locals, so `self` itself stays where it is.
                statements.extend(quote!(let _ = &#this;));
            }
            FnArg::Typed(typed) => {
                let attrs = for_the_statement(&mut typed.attrs);
                let pat = (*typed.pat).clone();
                let (name, statement) = match pat {
                    Pat::Ident(pat)
                        if pat.subpat.is_none() && pat.by_ref.is_none() && pat.attrs.is_empty() =>
                    {
                        (pat.ident.clone(), by_name(&attrs, &pat))
                    }
                    pat => {
                        let name = Ident::new(
                            &format!("__request_context_arg{index}"),
                            Span::mixed_site(),
                        );
                        let cfg = attrs.iter().filter(|attr| is_cfg(attr));
                        let statement =
                            quote!(#(#cfg)* let #name = #name; #(#attrs)* let #pat = #name;);
                        (name, statement)
                    }
                };
                statements.extend(statement);
                *typed.pat = Pat::Ident(PatIdent {
                    attrs: Vec::new(),
                    by_ref: None,
                    mutability: None,
                    ident: name,
                    subpat: None,
                });
            }
        }
    }
    statements
}

fn by_name(attrs: &[Attribute], pat: &PatIdent) -> TokenStream {
    let name = &pat.ident;
    // The user's own tokens stand here in a statement that the user did not write.
    let allow = match name.to_string().starts_with('_') {
        true => quote! {
            #[allow(clippy::no_effect_underscore_binding, clippy::shadow_same, clippy::used_underscore_binding)]
        },
        false => quote!(#[allow(clippy::shadow_same)]),
    };
    quote!(#allow #(#attrs)* let #pat = #name;)
}

/// The attributes that matter to the statement too; `expect` moves there, since only there can it come true.
fn for_the_statement(attrs: &mut Vec<Attribute>) -> Vec<Attribute> {
    let lints = ["allow", "warn", "deny", "forbid", "expect"];
    let wanted = attrs
        .iter()
        .filter(|attr| is_cfg(attr) || lints.iter().any(|lint| attr.path().is_ident(lint)))
        .cloned()
        .collect();
    attrs.retain(|attr| !attr.path().is_ident("expect"));
    wanted
}

pub(crate) fn is_cfg(attr: &Attribute) -> bool {
    // `cfg_attr` too: what it stands for is not known here.
    matches!(&attr.meta, Meta::List(list) if list.path.is_ident("cfg") || list.path.is_ident("cfg_attr"))
}

/// Whether the word is anywhere in the tokens.
pub(crate) fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(ident) => ident == word,
        proc_macro2::TokenTree::Group(group) => mentions(group.stream(), word),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;
    use syn::parse_quote;

    #[test]
    fn patterns_move_into_the_body() {
        let mut sig: Signature = parse_quote!(
            fn f(
                &self,
                mut id: u64,
                (a, b): (u8, u8),
                _: Guard,
                #[cfg(x)]
                #[allow(unused)]
                ref r: u8,
                _y: u8,
            )
        );
        let body = move_into_body(&mut sig);
        let expected: Signature = parse_quote!(
            fn f(
                &self,
                id: u64,
                __request_context_arg2: (u8, u8),
                __request_context_arg3: Guard,
                #[cfg(x)]
                #[allow(unused)]
                __request_context_arg4: u8,
                _y: u8,
            )
        );
        assert_eq!(
            sig.to_token_stream().to_string(),
            expected.to_token_stream().to_string()
        );
        let allow = quote! {
            #[allow(clippy::no_effect_underscore_binding, clippy::shadow_same, clippy::used_underscore_binding)]
        };
        let expected = quote! {
            let _ = &self;
            #[allow(clippy::shadow_same)] let mut id = id;
            let __request_context_arg2 = __request_context_arg2; let (a, b) = __request_context_arg2;
            let __request_context_arg3 = __request_context_arg3; let _ = __request_context_arg3;
            #[cfg(x)] let __request_context_arg4 = __request_context_arg4; #[cfg(x)] #[allow(unused)] let ref r = __request_context_arg4;
            #allow let _y = _y;
        };
        assert_eq!(body.to_string(), expected.to_string());
    }
}
