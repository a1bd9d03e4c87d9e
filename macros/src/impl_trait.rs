//! Lifetimes that are left out in an `impl Trait` argument: an `async fn` may do so, other fns may not.

use proc_macro2::Span;
use syn::visit_mut::VisitMut;
use syn::{FnArg, Signature, TypeImplTrait};

use crate::dispatch::{NameElided, add_lifetimes};

// Input:  async fn f(rows: impl IntoIterator<Item = &str>)
// Output: fn f<'__arg0>(rows: impl IntoIterator<Item = &'__arg0 str>)
pub(crate) fn name_lifetimes(sig: &mut Signature, here: Span) {
    let mut names = InImplTrait(NameElided::at(here));
    for input in &mut sig.inputs {
        if let FnArg::Typed(typed) = input {
            names.visit_type_mut(&mut typed.ty);
        }
    }
    add_lifetimes(sig, names.0.fresh, here);
}

struct InImplTrait(NameElided);

impl VisitMut for InImplTrait {
    fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
        self.0.visit_type_impl_trait_mut(ty);
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::parse_quote;

    use super::*;

    #[track_caller]
    fn becomes(mut sig: Signature, expected: Signature) {
        name_lifetimes(&mut sig, Span::call_site());
        assert_eq!(
            sig.to_token_stream().to_string(),
            expected.to_token_stream().to_string()
        );
    }

    #[test]
    fn only_what_is_left_out_in_an_impl_trait_gets_a_name() {
        becomes(
            parse_quote!(fn f<T>(&self, key: &str, rows: Vec<impl Into<(&str, Row<'_>, &'static T)> + '_>)),
            parse_quote!(
                fn f<'__arg0, '__arg1, '__arg2, T>(
                    &self,
                    key: &str,
                    rows: Vec<impl Into<(&'__arg0 str, Row<'__arg1>, &'static T)> + '__arg2>
                )
            ),
        );
    }

    #[test]
    fn other_signatures_stay_as_they_are() {
        let sigs: [Signature; 3] = [
            parse_quote!(fn f(key: &str)),
            parse_quote!(fn f(call: impl Fn(&str) -> &str)),
            parse_quote!(fn f<'a>(rows: impl Iterator<Item = fn(&'a str, &u8)>)),
        ];
        for sig in sigs {
            becomes(sig.clone(), sig);
        }
    }
}
