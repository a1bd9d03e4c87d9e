//! `boxed` methods: their box has a type with a name, so that `dyn` traits can have them.

use proc_macro2::{Ident, Span};
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{
    BoundLifetimes, Expr, FnArg, GenericParam, Lifetime, LifetimeParam,
    ParenthesizedGenericArguments, PredicateType, Receiver, ReceiverKind, ReturnType, Signature,
    Token, Type, TypeFnPtr, TypeImplTrait, TypeParamBound, TypeReference, WherePredicate,
    parse_quote_spanned,
};

use crate::expand::where_clause;
use crate::parameters::is_cfg;

/// Whether a `dyn` trait could have the method. A trait and its impls agree on that.
pub(crate) fn is_possible(sig: &Signature) -> bool {
    let mut impls = CountImplTrait(0);
    impls.visit_signature_mut(&mut sig.clone());
    sig.receiver().is_some()
        && impls.0 == 0
        && sig
            .generics
            .params
            .iter()
            .all(|parameter| matches!(parameter, GenericParam::Lifetime(_)))
}

struct CountImplTrait(usize);

impl VisitMut for CountImplTrait {
    fn visit_type_impl_trait_mut(&mut self, _: &mut TypeImplTrait) {
        self.0 += 1;
    }
}

/// Gives the method a lifetime that all its arguments outlive, which is that of the box.
///
/// The bounds stand at `boxed`, which is where `rustc` points then if the trait and an impl do not agree on it.
//
// Input:  fn f(&self, key: &str, value: T) -> Option<&T>
// Output: fn f<'__arg0, '__arg1, '__call>(&'__arg0 self, key: &'__arg1 str, value: T) -> Option<&'__arg0 T>
//         where &'__arg0 Self: '__call, &'__arg1 str: '__call, T: '__call
pub(crate) fn lifetime_of_call(sig: &mut Signature, here: Span, boxed: Span) -> Lifetime {
    let call = hidden("__call", here);
    let mut named = NameElided::at(here);
    let mut bounds = Vec::new();
    let mut of_receiver = None;
    for input in &mut sig.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                let mut ty = type_of(receiver);
                named.visit_type_mut(&mut ty);
                name_receiver(receiver, &ty);
                of_receiver = named.only();
                bounds.push(ty);
            }
            FnArg::Typed(typed) => {
                let before = named.fresh.len();
                named.visit_type_mut(&mut typed.ty);
                if typed.attrs.iter().any(is_cfg) {
                    // A type that may not be there; a bound cannot have the `cfg`.
                    let lifetimes = named.fresh[before..].iter();
                    bounds.extend(
                        lifetimes.map(|name| -> Type { parse_quote_spanned!(here=> &#name ()) }),
                    );
                } else {
                    bounds.push((*typed.ty).clone());
                }
            }
        }
    }
    if let (ReturnType::Type(_, ty), Some(lifetime)) =
        (&mut sig.output, of_receiver.or_else(|| named.only()))
    {
        NameElided::with(lifetime).visit_type_mut(ty);
    }
    named.fresh.push(call.clone());
    add_lifetimes(sig, named.fresh, here);
    let at_boxed = here.located_at(boxed);
    let outlived = hidden("__call", at_boxed);
    let predicates = &mut where_clause(sig, at_boxed).predicates;
    predicates.extend(bounds.into_iter().map(|bounded_ty| {
        WherePredicate::Type(PredicateType {
            attrs: Vec::new(),
            lifetimes: None,
            bounded_ty,
            colon_token: Token![:](at_boxed),
            bounds: Punctuated::from_iter([TypeParamBound::Lifetime(outlived.clone())]),
        })
    }));
    call
}

/// Puts the lifetimes among the generic parameters: after the fn's own, and before its types.
pub(crate) fn add_lifetimes(sig: &mut Signature, lifetimes: Vec<Lifetime>, here: Span) {
    let generics = &mut sig.generics;
    let place = generics.lifetimes().count();
    for (place, lifetime) in (place..).zip(lifetimes) {
        let parameter = GenericParam::Lifetime(LifetimeParam::new(lifetime));
        generics.params.insert(place, parameter);
        generics.lt_token.get_or_insert(Token![<](here));
        generics.gt_token.get_or_insert(Token![>](here));
    }
}

/// Lifetimes have no hygiene: the name is what keeps them apart from the user's.
fn hidden(name: &str, here: Span) -> Lifetime {
    Lifetime {
        apostrophe: here,
        ident: Ident::new(name, here),
    }
}

fn type_of(receiver: &Receiver) -> Type {
    let span = receiver.self_token.span;
    match &receiver.kind {
        ReceiverKind::Reference(and, lifetime, mutability) => {
            parse_quote_spanned!(span=> #and #lifetime #mutability Self)
        }
        ReceiverKind::Typed(_, ty) => (**ty).clone(),
        _ => parse_quote_spanned!(span=> Self),
    }
}

fn name_receiver(receiver: &mut Receiver, ty: &Type) {
    match (&mut receiver.kind, ty) {
        (ReceiverKind::Reference(_, lifetime, _), Type::Reference(named)) => {
            lifetime.clone_from(&named.lifetime);
        }
        (ReceiverKind::Typed(_, written), named) => named.clone_into(written),
        _ => {}
    }
}

/// Gives names to the lifetimes that a type leaves out.
pub(crate) struct NameElided {
    here: Span,
    /// The name for all of them, where it is known.
    known: Option<Lifetime>,
    pub(crate) fresh: Vec<Lifetime>,
    seen: Vec<Lifetime>,
}

impl NameElided {
    pub(crate) fn at(here: Span) -> Self {
        NameElided {
            here,
            known: None,
            fresh: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn with(lifetime: Lifetime) -> Self {
        NameElided {
            known: Some(lifetime.clone()),
            ..Self::at(lifetime.span())
        }
    }

    fn next(&mut self) -> Lifetime {
        if let Some(known) = &self.known {
            return known.clone();
        }
        let lifetime = hidden(&format!("__arg{}", self.fresh.len()), self.here);
        self.fresh.push(lifetime.clone());
        lifetime
    }

    /// The one lifetime there was, which is what results without one have.
    fn only(&self) -> Option<Lifetime> {
        let (first, others) = self.seen.split_first()?;
        let same = others.iter().all(|other| other == first);
        same.then(|| first.clone())
    }
}

impl VisitMut for NameElided {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        if reference.lifetime.is_none() {
            reference.lifetime = Some(self.next());
        }
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = self.next();
        }
        self.seen.push(lifetime.clone());
    }

    // What these leave out is theirs.
    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {
    }
    fn visit_bound_lifetimes_mut(&mut self, _: &mut BoundLifetimes) {}
    fn visit_expr_mut(&mut self, _: &mut Expr) {}
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::parse_quote;

    use super::*;

    #[track_caller]
    fn becomes(mut sig: Signature, expected: Signature) {
        assert!(is_possible(&sig));
        let call = lifetime_of_call(&mut sig, Span::call_site(), Span::call_site());
        assert_eq!(call.to_string(), "'__call");
        assert_eq!(
            sig.to_token_stream().to_string(),
            expected.to_token_stream().to_string()
        );
    }

    #[test]
    fn what_is_elided_gets_a_name() {
        becomes(
            parse_quote!(fn f(&self, key: &str, value: T) -> Option<&T>),
            parse_quote!(
                fn f<'__arg0, '__arg1, '__call>(&'__arg0 self, key: &'__arg1 str, value: T) -> Option<&'__arg0 T>
                where &'__arg0 Self: '__call, &'__arg1 str: '__call, T: '__call
            ),
        );
        becomes(
            parse_quote!(fn f<'a>(self: Pin<&mut Self>, rows: &'a mut Vec<Row<'_>>) -> Row<'_>),
            parse_quote!(
                fn f<'a, '__arg0, '__arg1, '__call>(
                    self: Pin<&'__arg0 mut Self>,
                    rows: &'a mut Vec<Row<'__arg1> >
                ) -> Row<'__arg0>
                where Pin<&'__arg0 mut Self>: '__call, &'a mut Vec<Row<'__arg1> >: '__call
            ),
        );
        becomes(
            parse_quote!(fn f(self, read: fn(&str) -> &str, each: Box<dyn Fn(&str) + '_>) -> &str),
            parse_quote!(
                fn f<'__arg0, '__call>(
                    self,
                    read: fn(&str) -> &str,
                    each: Box<dyn Fn(&str) + '__arg0>
                ) -> &'__arg0 str
                where Self: '__call, fn(&str) -> &str: '__call, Box<dyn Fn(&str) + '__arg0>: '__call
            ),
        );
    }

    #[test]
    fn types_that_may_not_be_there_are_not_named_again() {
        becomes(
            parse_quote!(fn f(self, #[cfg(x)] gone: &Gone)),
            parse_quote!(
                fn f<'__arg0, '__call>(self, #[cfg(x)] gone: &'__arg0 Gone)
                where Self: '__call, &'__arg0 (): '__call
            ),
        );
    }

    #[test]
    fn what_no_dyn_trait_has_is_left_alone() {
        let sigs: [Signature; 4] = [
            parse_quote!(fn f(key: &str)),
            parse_quote!(fn f<T>(&self, value: T)),
            parse_quote!(fn f(&self, value: Option<impl Sized>)),
            parse_quote!(fn f(&self) -> impl Sized),
        ];
        assert!(sigs.iter().all(|sig| !is_possible(sig)));
    }
}
