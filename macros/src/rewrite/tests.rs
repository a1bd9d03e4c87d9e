use super::*;
use crate::args::{Krate, State};
use proc_macro2::Span;

fn rewritten(tokens: TokenStream) -> (String, Uses, Vec<String>) {
    let mut errors = Errors::default();
    let scope = Scope {
        krate: Krate::default(),
        state: State::Typed(Box::new(syn::parse_quote!(App))),
        name: Span::call_site(),
        allow_blocking: false,
        inside: Default::default(),
    };
    let Rewritten { body, uses, .. } = body(tokens, &scope, &mut errors);
    (body.to_string(), uses, errors.messages())
}

/// Spaces between tokens tell nothing.
fn packed(code: &str) -> String {
    code.split_whitespace().collect()
}

#[track_caller]
fn becomes(input: TokenStream, output: TokenStream) {
    let (body, _, errors) = rewritten(input);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(packed(&body), packed(&output.to_string()));
}

fn inside() -> TokenStream {
    quote!((unsafe { ::request_context::__private::inside::<App>() }))
}

#[test]
fn awaits_of_the_body() {
    let i = inside();
    becomes(
        quote!(let x = a(b.await).await?; if (&mut c).await {} x.d().await),
        quote!(let x = #i.call(a(#i.call(b).await)).await?; if #i.call(&mut c).await {} #i.call(x.d()).await),
    );
}

#[test]
fn guards_patterns_and_loops() {
    let i = inside();
    becomes(
        quote!(while let Some(x) = r.next().await {
            match x {
                y if y.ok().await => {}
                _ => {}
            }
        }),
        quote!(while let Some(x) = #i.call(r.next()).await { match x { y if #i.call(y.ok()).await => {} _ => {} } }),
    );
}

#[test]
fn nested_code_keeps_its_awaits_and_gets_words() {
    becomes(
        quote!(let f = async { a.await; context!().b };),
        quote!(let f = async { a.await; context!(@ the_request_context).b };),
    );
    becomes(
        quote!(let f = async || { a.await; attach!(b(c.await)).await };),
        quote!(let f = async || { a.await; attach!(@ the_request_context, b(c.await)).await };),
    );
    becomes(
        quote!(let s = stream! { yield a.await; yield rc::context!(); yield scheduler!() };),
        quote!(let s = stream! { yield a.await; yield rc::context!(); yield scheduler!(@ the_request_context) };),
    );
}

#[test]
fn nested_items_and_checked_blocks_are_left_alone() {
    for tokens in [
        quote!(
            async fn f() {
                a.await;
                context!()
            }
        ),
        quote!(
            mod m {
                fn f() {
                    context!()
                }
            }
        ),
        quote!(let b = context_block!(App, async { context!().a.await });),
        quote!(let x = [const { f() }; 3];),
    ] {
        becomes(tokens.clone(), tokens);
    }
}

#[test]
fn macro_rules_of_the_body_get_words() {
    becomes(
        quote!(
            macro_rules! user {
                () => {
                    context!().user
                };
            }
        ),
        quote!(
            macro_rules! user {
                () => {
                    context!(@ the_request_context).user
                };
            }
        ),
    );
}

#[test]
fn words_that_a_body_around_has_bound_are_this_bodys() {
    let user = quote!(|| (context!().user, attach!(a(1))));
    let bound = rewritten(user.clone()).0;
    for around in [
        quote!(|| (context!(@ t).user, attach!(@ t, a(1)))),
        quote!(|| (
            context!(@ (unsafe { t() })).user,
            attach!(@ (unsafe { t() }), a(1))
        )),
    ] {
        let (body, _, errors) = rewritten(around);
        assert_eq!((body, errors), (bound.clone(), Vec::new()));
    }
    let errors = rewritten(quote!(context!(@ t, 1); attach!(@ t))).2;
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn awaited_blocks_do_not_stand_alone_in_their_braces() {
    let i = inside();
    becomes(
        quote!({ a() }.await; 'b: { a() }.await; unsafe { a() }.await),
        quote!(
            #i.call({ const _: () = (); a() }).await;
            #i.call('b: { a() }).await;
            #i.call(unsafe { a() }).await
        ),
    );
}

#[test]
fn instrumented_bodies_bind_their_awaits() {
    let i = inside();
    becomes(
        quote! {
            let __tracing_instrument_future = async move {
                match async move { if false { let __tracing_attr_fake_return: u8 = loop {}; } { a.await } }.await {
                    x => x
                }
            };
            __tracing_instrument_future.await
        },
        quote! {
            let __tracing_instrument_future = async move {
                match async move { if false { let __tracing_attr_fake_return: u8 = loop {}; }
                    { ::request_context::attach!(@ the_request_context, a).await } }.await {
                    x => x
                }
            };
            #i.call(__tracing_instrument_future).await
        },
    );
}

#[test]
fn the_token_is_bound_only_where_a_word_is_used() {
    let none = Uses::default();
    assert_eq!(rewritten(quote!(a.await)).1, none);
    let in_an_item = quote!(
        fn f() {
            context!()
        }
    );
    assert_eq!(rewritten(in_an_item).1, none);
    let anchor = Uses {
        anchor: true,
        ..none
    };
    assert_eq!(
        rewritten(quote!(if a {
            context!()
        }))
        .1,
        anchor
    );
    assert_eq!(rewritten(quote!(timeout(t, attach!(a())).await)).1, anchor);
    let token = Uses {
        token: true,
        ..none
    };
    assert_eq!(rewritten(quote!(|| context!())).1, token);
    assert_eq!(rewritten(quote!(async { context!() })).1, token);
    assert_eq!(rewritten(quote!(join!(a()))).1, token);
    assert_eq!(rewritten(quote!(format!("{}", context!()))).1, token);
    assert_eq!(rewritten(quote!(unknown!(context!()))).1, token);
}

#[test]
fn a_word_of_the_body_itself_finds_the_token_where_it_stands() {
    becomes(
        quote!(context!().user; request_context::scheduler!().id(); attach!(f(a.await))),
        quote! {
            (*{ context!(@); unsafe { ::request_context::__private::token::<App>(&the_request_context) } }).user;
            ::request_context::__private::scheduler({
                request_context::scheduler!(@);
                unsafe { ::request_context::__private::token::<App>(&the_request_context) }
            }).id();
            ({
                attach!(@);
                unsafe {
                    ::request_context::__private::attach_to(
                        ::request_context::__private::token::<App>(&the_request_context)
                    )
                }
            }).work(f(::request_context::attach!(@ the_request_context, a).await))
        },
    );
}

#[test]
fn what_attach_cannot_read_stays_an_argument_of_it() {
    becomes(
        quote!(attach!(f(fn)); a()),
        quote!(attach!(@ the_request_context, f(fn)); a()),
    );
}

#[test]
fn words_with_wrong_arguments() {
    assert_eq!(
        rewritten(quote!(context!(1); scheduler!(a, b); attach!())).2,
        [
            "`context!` takes no arguments; write `context!()`",
            "`scheduler!` takes no arguments; write `scheduler!()`",
            "`attach!` needs an argument; name the call to attach: `attach!(f())`",
        ]
    );
}

#[test]
fn statements_beside_one_that_does_not_parse_are_rewritten() {
    let i = inside();
    becomes(
        quote!(let a = b.await; let c = ; d.await),
        quote!(let a = #i.call(b).await; let c = ; #i.call(d).await),
    );
}

#[test]
fn only_a_conditional_attribute_that_is_ours_is_refused() {
    for ours in [
        quote!(#[cfg_attr(a, detached)]),
        quote!(#[cfg_attr(all(a, b), allow(unused), request_context::detached)]),
        quote!(#[cfg_attr(a, cfg_attr(b, detached,))]),
    ] {
        for stmt in [quote!(#ours let x = y.await;), quote!(#ours y.await;)] {
            let (body, _, errors) = rewritten(stmt);
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert!(
                !body.contains("cfg_attr") && !body.contains("detached_part"),
                "{body}"
            );
        }
    }
    for other in [
        quote!(#[cfg_attr(detached, allow(unused))]),
        quote!(#[cfg_attr(a, other::detached)]),
        quote!(#[cfg_attr(a)]),
    ] {
        becomes(quote!(#other let x = y;), quote!(#other let x = y;));
    }
}

#[test]
fn combinators() {
    becomes(
        quote!(tokio::join!(biased; a(1), b.await,)),
        quote!(tokio::join!(biased;
            ::request_context::attach!(@ the_request_context, a(1)),
            ::request_context::attach!(@ the_request_context, ::request_context::attach!(@ the_request_context, b).await),)),
    );
    becomes(
        quote!(select! { x = f(), if c.await => { x.await } y = local => 1, else => d.await, }),
        quote!(select! {
            x = ::request_context::attach!(@ the_request_context, f()), if ::request_context::attach!(@ the_request_context, c).await => { ::request_context::attach!(@ the_request_context, x).await }
            y = local => 1,
            else => ::request_context::attach!(@ the_request_context, d).await,
        }),
    );
    becomes(
        quote!(tokio::select! { y = local => 1 }),
        quote!(
            tokio::select! { y = ::request_context::attach!(@ the_request_context, local) => 1 }
        ),
    );
}

#[test]
fn format_like_arguments() {
    becomes(
        quote!(format!("{} {x}", a.await, x = b.await)),
        quote!(format!(
            "{} {x}",
            ::request_context::attach!(@ the_request_context, a).await,
            x = ::request_context::attach!(@ the_request_context, b).await
        )),
    );
    becomes(
        quote!(info!(target: "t", a.b = %c.await, ?d, "e" = f.await, "g")),
        quote!(
            info!(target: "t", a.b = %::request_context::attach!(@ the_request_context, c).await, ?d, "e" = ::request_context::attach!(@ the_request_context, f).await, "g")
        ),
    );
    becomes(
        quote!(vec![a.await; 3]),
        quote!(vec![
            ::request_context::attach!(@ the_request_context, a)
                .await;
            3
        ]),
    );
    becomes(
        quote!(matches!(a.await, Some(_) if x)),
        quote!(matches!(::request_context::attach!(@ the_request_context, a).await, Some(_) if x)),
    );
    becomes(
        quote!(matches!(a, Some(1 | 2..) | None if b.await,)),
        quote!(
            matches!(a, Some(1 | 2..) | None if ::request_context::attach!(@ the_request_context, b).await,)
        ),
    );
    becomes(
        quote!(pin!(a.await)),
        quote!(pin!(
            ::request_context::attach!(@ the_request_context, a).await
        )),
    );
    becomes(
        quote!(assert_eq!(a.await == b, c)),
        quote!(assert_eq!(
            ::request_context::attach!(@ the_request_context, a).await == b,
            c
        )),
    );
    // Not understood, so left alone.
    becomes(
        quote!(info!({ a = b.await, d }, "c")),
        quote!(info!({ a = b.await, d }, "c")),
    );
}

#[test]
fn detached_statements() {
    let i = inside();
    let guard = quote! {
        #[allow(unused_imports)] use detached as _;
        let __request_context_part = unsafe { ::request_context::__private::detached_part() };
    };
    becomes(
        quote!(#[detached] let x = a.await?;),
        quote!(let x = { #guard (__request_context_part).detached(a).await? };),
    );
    becomes(
        quote!(#[detached] let Some(x) = a.await else { b.await };),
        quote!(let Some(x) = ({ #guard (__request_context_part).detached(a).await }) else { #i.call(b).await };),
    );
    becomes(
        quote!(#[detached] x += a.await; b.await),
        quote!({ #guard x += (__request_context_part).detached(a).await; } #i.call(b).await),
    );
    becomes(
        quote!(#[detached] println!("{:?}", join!(a));),
        quote!({ #guard println!("{:?}", join!((__request_context_part).detached(a))); }),
    );
    becomes(
        quote!(
            #[detached]
            join!(a)
        ),
        quote!({ #guard join!((__request_context_part).detached(a)) }),
    );
    becomes(
        quote!(
            #[detached]
            fn f() {}
        ),
        quote!(
            #[detached]
            fn f() {}
        ),
    );
}

#[test]
fn mistakes_of_detached_statements() {
    let errors = rewritten(quote! {
        #[detached] let x;
        #[detached(y)] f(context!());
        let f = || { #[detached] g(); };
    });
    assert_eq!(errors.2.len(), 4, "{:?}", errors.2);
}

#[test]
fn blocking_calls_of_the_body_itself_are_reported() {
    let (_, _, errors) = rewritten(quote! {
        std::thread::sleep(d);
        futures::executor::block_on(f());
        JoinHandle::blocking_join(handle);
        let x = rx.blocking_recv()?;
        format!("{}", m.blocking_lock());
        #[detached] { pollster::block_on(g()); }
    });
    assert_eq!(errors.len(), 6, "{errors:?}");
}

#[test]
fn what_only_sounds_blocking_is_not_reported() {
    let (_, _, errors) = rewritten(quote! {
        tokio::time::sleep(d).await;
        sleep(d).await;
        mine.blocking_send(x).await;
        spawn_blocking_detached(move || rx.blocking_recv()).await;
        let later = async { m.blocking_lock() };
        fn sync() { std::thread::sleep(d) }
    });
    assert!(errors.is_empty(), "{errors:?}");
}
