use super::*;
use quote::quote;

fn errors_of(tokens: TokenStream) -> Vec<String> {
    let mut errors = Errors::default();
    ContextArgs::parse(tokens, &mut errors);
    errors.messages()
}

#[test]
fn all_arguments_in_any_order() {
    let mut errors = Errors::default();
    let args = ContextArgs::parse(
        quote!(boxed, ?Send, allow(blocking), App<u8, T>, crate = crate::rc,),
        &mut errors,
    );
    assert!(errors.messages().is_empty(), "{:?}", errors.messages());
    assert!(args.boxed.is_some() && args.not_send);
    assert!(matches!(args.state, State::Typed(_)));
    assert_eq!(args.krate.at(Span::call_site()).to_string(), "crate :: rc");
}

#[test]
fn types_of_every_shape_are_states() {
    for state in [
        quote!(App),
        quote!(crate::App),
        quote!(self::App),
        quote!((u8, App)),
        quote!(u8),
        quote!(Req<U>),
        quote!(<T as Tr>::S),
        quote!(fn() -> u8),
        quote!(Box<dyn Tr>),
        quote!([u8; 4]),
        quote!(boxed::App),
    ] {
        assert!(
            errors_of(state.clone()).is_empty(),
            "{state}: {:?}",
            errors_of(state.clone())
        );
    }
}

#[test]
fn every_mistake_is_reported() {
    assert_eq!(
        errors_of(quote!(
            App,
            bxed,
            Other,
            boxed,
            boxed,
            ?Sized,
            crate = 5,
            colour = 3
        )),
        [
            "unknown argument `bxed`, expected a state type, `boxed`, `?Send`, `crate = <path>` or `allow(blocking)`",
            "duplicate state argument",
            "duplicate `boxed` argument",
            "unknown argument `?Sized`, expected a state type, `boxed`, `?Send`, `crate = <path>` or `allow(blocking)`",
            "expected `crate = <path>`, found `5`",
            "unknown argument `colour`, expected a state type, `boxed`, `?Send`, `crate = <path>` or `allow(blocking)`",
        ]
    );
}

#[test]
fn detached_takes_two() {
    let mut errors = Errors::default();
    let args = DetachedArgs::parse(quote!(?Send, crate = rc, boxed, App), &mut errors);
    assert!(args.not_send);
    assert_eq!(
        errors.messages(),
        [
            "unknown argument `boxed`, expected `?Send` or `crate = <path>`",
            "unknown argument `App`, expected `?Send` or `crate = <path>`",
        ]
    );
}
