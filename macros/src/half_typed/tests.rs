use super::*;
use crate::block::context_block;
use crate::expand::{context_async, detached};

/// The statements that are read in a half-typed body, each in brackets.
fn read_as(tokens: TokenStream) -> String {
    let Statements {
        all,
        are_half_typed,
    } = statements(tokens, &mut Errors::default());
    assert!(are_half_typed, "{}", quote!(#(#all)*));
    quote!(#([#all])*).to_string()
}

#[test]
fn statements_are_read_around_those_that_cannot_be() {
    for (body, statements) in [
        (quote!(a(); let x = ; b()), quote!([a();] [let x = ;] [b()])),
        (quote!(if a {} b += ;), quote!([if a {}] [b += ;])),
        (quote!(match a { 1 => }), quote!([match a { 1 => }])),
        (quote!(1 + ), quote!([1 +])),
    ] {
        assert_eq!(read_as(body), statements.to_string());
    }
}

#[test]
fn what_is_surely_missing_is_added() {
    for (body, statements) in [
        (quote!(a.b().), quote!([a.b();] [loop {}])),
        (quote!(let x = a.), quote!([let x = a;] [loop {}])),
        (quote!(let x = a.await.; x), quote!([let x = a.await;] [x])),
        (
            quote!(a.b(). let x = 1; x),
            quote!([a.b()] [.] [let x = 1;] [x]),
        ),
        (
            quote!(let x = a.await b.await),
            quote!([let x = a.await;] [b.await]),
        ),
        (
            quote!(let x = a?  #[c] let y = 1;),
            quote!([let x = a?;] [#[c] let y = 1;]),
        ),
    ] {
        assert_eq!(read_as(body), statements.to_string());
    }
}

#[test]
fn nothing_else_is_added() {
    for body in [
        quote!(let x = a.. ,),
        quote!(a.if {}),
        quote!(a.b c.),
        quote!(a - +),
        quote!(let = a),
    ] {
        assert_eq!(read_as(body.clone()), quote!([#body]).to_string());
    }
}

#[test]
fn only_tokens_that_rustc_has_not_read_are_told_what_is_missing() {
    let body = || quote!(let x = a.; b c);
    let mut errors = Errors::default();
    let _ = statements(body(), &mut errors);
    assert!(errors.is_empty());
    let mut errors = Errors::of_unread_tokens();
    let _ = statements(body(), &mut errors);
    assert_eq!(
        errors.messages(),
        [
            "expected the name of a field or method after `.`",
            "expected `;` before this"
        ]
    );
}

#[test]
fn what_can_be_read_in_what_cannot_is_rewritten() {
    let body = quote!(
        let rows = f(context!().id, g().await).await, ;
        if h().await { i().await; j = }
        outer!(k().await) l
    );
    let output = context_async(quote!(App), quote!(async fn half() { #body })).to_string();
    let attached = |call: TokenStream| {
        let attached = quote!(::request_context::attach!(@ the_request_context, #call).await);
        assert!(
            output.contains(&attached.to_string()),
            "{attached} is not in {output}"
        );
    };
    let inner = quote!(::request_context::attach!(@ the_request_context, g()).await);
    attached(quote!(f(context!(@ the_request_context).id, #inner)));
    attached(quote!(h()));
    attached(quote!(i()));
    // Whatever that macro makes of it.
    assert!(
        output.contains(&quote!(outer!(k().await)).to_string()),
        "{output}"
    );
}

const HALF_TYPED: &[&str] = &[
    "context!().",
    "let user = context!().",
    "let user = ",
    "user[]",
    "let",
    "load(1).await.",
    "let user = load(1).await user",
    "match user",
    "match user { 1 => , _ => 2 }",
    "if ",
    "if true { context!(). }",
    "load(, user)",
    "1 +",
    "std::",
    "&",
    "let f = |user",
    "App { user: }",
    "Vec::<user",
    "for user in",
    "context!",
    "#[detached]",
    "#[detached] let user = ",
];

#[test]
fn a_half_typed_fn_keeps_its_signature_and_what_is_typed() {
    for item in half_typed_bodies() {
        let item = quote!(pub async fn half(state: &'a App) -> u64 { #item });
        let output = context_async(quote!(App), item.clone()).to_string();
        let signature = quote!(pub fn half(state: &'a App) -> ::request_context::NeedsContext<App,);
        assert!(output.contains(&signature.to_string()), "{output}");
        assert!(!output.contains("compile_error"), "{output}");
        keeps_the_names(&item, &output);

        let output = detached(quote!(), item.clone()).to_string();
        let signature = quote!(pub async fn half(state: &'a App) -> u64);
        assert!(output.contains(&signature.to_string()), "{output}");
        keeps_the_names(&item, &output);
    }
}

#[test]
fn a_half_typed_block_keeps_what_is_typed() {
    for body in half_typed_bodies() {
        let output = context_block(quote!(App, async move { #body })).to_string();
        keeps_the_names(&body, &output);
    }
}

/// Bodies as they are while they are typed, and as rust-analyzer hands them over: it puts a name where one is missing.
fn half_typed_bodies() -> Vec<TokenStream> {
    let ends = ["", "__ra_fixup", "__ra_fixup; user"];
    let bodies = HALF_TYPED
        .iter()
        .flat_map(|body| ends.map(|end| format!("load(0).await; {body} {end}")));
    bodies.map(|body| body.parse().expect("tokens")).collect()
}

#[track_caller]
fn keeps_the_names(typed: &TokenStream, output: &str) {
    let count = |text: &str, name: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.filter(|word| *word == name).count()
    };
    for name in ["user", "load", "__ra_fixup"] {
        let typed = count(&typed.to_string(), name);
        assert_eq!(count(output, name), typed, "`{name}` in {output}");
    }
}

/// Each would take minutes if all that stands before an `.await` were read for it.
#[test]
fn long_half_typed_bodies_are_rewritten_to_the_last_await() {
    let count = 400;
    for body in [
        "load(1).await + ".repeat(count),
        "load(1).await ".repeat(count),
        format!(
            "match id {{ {} _ => }}",
            "1 => load(1).await, ".repeat(count)
        ),
    ] {
        let body: TokenStream = body.parse().expect("tokens");
        let output = context_async(quote!(App), quote!(async fn half() { #body })).to_string();
        assert_eq!(output.matches("attach !").count(), count, "{output}");
    }
}

#[test]
fn a_lifetime_is_not_cut_in_two() {
    for item in [
        quote!(async fn f() { fn - 'a.await }),
        quote!(async fn f() { (fn 'a.b().await) }),
    ] {
        for output in [
            context_async(quote!(), item.clone()),
            detached(quote!(), item.clone()),
        ] {
            let text = output.to_string();
            assert!(text.parse::<TokenStream>().is_ok(), "{text}");
        }
    }
}
