use super::*;

#[track_caller]
fn expands(args: TokenStream, input: TokenStream, output: TokenStream) {
    assert_eq!(context_async(args, input).to_string(), output.to_string());
}

fn anchor(ty: TokenStream) -> TokenStream {
    return_anchor(&syn::parse_quote!(#ty), &Krate::default()).unwrap_or_default()
}

#[test]
fn a_context_fn() {
    let (anchor, rebind) = (anchor(quote!(String)), rebind());
    expands(
        quote!(App),
        quote! {
            /// Doc.
            pub async fn greeting(&self, id: u64) -> String { load(id).await + &context!().user }
        },
        quote! {
            #[allow(clippy::async_yields_async)]
            /// Doc.
            pub fn greeting(&self, id: u64) -> ::request_context::NeedsContext<App,
                impl ::core::future::Future<Output = String> + ::core::marker::Send>
            {
                ::request_context::__private::needs_context::<App, _>(async move {
                    #anchor
                    let _ = &self;
                    #rebind let id = id;
                    #[allow(unused_variables)]
                    let the_request_context = unsafe { ::request_context::__private::anchor() };
                    {
                        const _: () = ();
                        (unsafe { ::request_context::__private::inside::<App>() }).call(load(id)).await
                            + &(*{
                                context!(@);
                                unsafe { ::request_context::__private::token::<App>(&the_request_context) }
                            }).user
                    }
                })
            }
        },
    );
}

fn rebind() -> TokenStream {
    quote!(#[allow(clippy::shadow_same)])
}

#[test]
fn any_state_boxed_and_not_send() {
    let anchor = anchor(quote!(()));
    expands(
        quote!(boxed, ?Send),
        quote!(
            async fn f() {
                f().await
            }
        ),
        quote! {
            #[allow(clippy::async_yields_async)]
            fn f() -> ::request_context::NeedsAnyContext<impl ::core::future::Future<Output = ()> > {
                ::request_context::__private::needs_any_context(async move {
                    ::request_context::__private::boxed_local(async move {
                        #anchor
                        {
                            const _: () = ();
                            (unsafe { ::request_context::__private::inside::<
                                ::request_context::__private::AnyState>() }).call(f()).await
                        }
                    }).await
                })
            }
        },
    );
}

#[test]
fn a_boxed_method() {
    let (anchor, rebind) = (anchor(quote!(&'__arg0 str)), rebind());
    expands(
        quote!(App, boxed),
        quote!(
            async fn f(&self, id: u64) -> &str {
                self.0
            }
        ),
        quote! {
            #[allow(clippy::async_yields_async)]
            fn f<'__arg0, '__call>(&'__arg0 self, id: u64) -> ::request_context::NeedsContext<App,
                ::request_context::__private::Boxed<
                    dyn ::core::future::Future<Output = &'__arg0 str> + ::core::marker::Send + '__call> >
            where &'__arg0 Self: '__call, u64: '__call
            {
                ::request_context::__private::needs_context::<App, _>(
                    ::request_context::__private::boxed(async move {
                        #anchor
                        let _ = &self;
                        #rebind let id = id;
                        { const _: () = (); self.0 }
                    })
                )
            }
        },
    );
}

#[test]
fn a_declared_method_and_a_bounded_state() {
    expands(
        quote!(C),
        quote!(
            async fn f<C: HasUser>(&self, _: u8) -> impl Sized;
        ),
        quote! {
            fn f<C: HasUser>(&self, _: u8) -> ::request_context::NeedsContext<C,
                impl ::core::future::Future<Output = impl Sized> + ::core::marker::Send>;
        },
    );
}

#[test]
fn a_detached_fn() {
    let (anchor, rebind) = (anchor(quote!(u8)), rebind());
    let input =
        |receiver: TokenStream| quote!(pub async fn f(#receiver id: u8) -> u8 { g(id).await });
    let future = |this: TokenStream| {
        quote! {
            async move {
                #anchor
                #this
                #rebind let id = id;
                { const _: () = (); (::request_context::__private::DetachedFnHere).detached(g(id)).await }
            }
        }
    };
    let output = |receiver: TokenStream, body: TokenStream| {
        quote!(pub async fn f(#receiver id: u8) -> u8 { #body.await }).to_string()
    };
    let checked = future(quote!());
    assert_eq!(
        detached(quote!(), input(quote!())).to_string(),
        output(
            quote!(),
            quote!(::request_context::__private::detached_fn_send(#checked))
        )
    );
    let method = future(quote!(let _ = &self;));
    assert_eq!(
        detached(quote!(?Send), input(quote!(&self,))).to_string(),
        output(
            quote!(&self,),
            quote!(::request_context::__private::detached_fn(#method))
        )
    );
    assert_eq!(
        detached(quote!(), input(quote!(&self,))).to_string(),
        output(
            quote!(&self,),
            quote!({
                let __request_context_captures = ::request_context::__private::Captures::<Self, _>::OF_FN;
                if false {
                    let __request_context_captured = ();
                    let __request_context_captured = (__request_context_captured, self);
                    let __request_context_captured = (__request_context_captured, id);
                    __request_context_captures.are(__request_context_captured);
                }
                __request_context_captures.detached_fn(#method)
            })
        )
    );
}

#[test]
fn a_generic_detached_fn() {
    let output = detached(
        quote!(),
        quote!(
            async fn f<'a, const N: usize, #[cfg(x)] T: Send>(
                (a, b): &'a [T; N],
                #[cfg(x)]
                #[allow(unused)]
                c: impl Send,
            ) {
            }
        ),
    );
    let captures = quote! {
        let __request_context_captures = ::request_context::__private::Captures::<(), _>::OF_FN;
        if false {
            let __request_context_captured = ();
            #[cfg(x)] let __request_context_captured = (__request_context_captured, ::core::marker::PhantomData::<T>);
            let __request_context_captured = (__request_context_captured, __request_context_arg0);
            #[cfg(x)] let __request_context_captured = (__request_context_captured, c);
            __request_context_captures.are(__request_context_captured);
        }
        __request_context_captures.detached_fn
    };
    let output = output.to_string();
    assert!(output.contains(&captures.to_string()), "{output}");
}

#[test]
fn instrument_goes_first() {
    expands(
        quote!(App, boxed),
        quote!(
            #[a]
            #[tracing::instrument(err)]
            #[b]
            async fn f() {
                1
            }
        ),
        quote!(
            #[tracing::instrument(err)]
            #[::request_context::context_async(App, boxed)]
            #[a]
            #[b]
            async fn f() {
                1
            }
        ),
    );
}

#[test]
fn every_mistake_is_told_and_the_item_given_back() {
    let output = context_async(
        quote!(App, Other),
        quote!(
            #[test]
            const async extern "C" fn f() {
                context!(1);
                attach!()
            }
        ),
    );
    let output = output.to_string();
    assert_eq!(output.matches("compile_error").count(), 6, "{output}");
    assert!(
        output.contains("fn f () -> :: request_context :: NeedsContext"),
        "{output}"
    );
    let output = context_async(
        quote!(),
        quote!(
            pub struct S;
        ),
    )
    .to_string();
    assert!(
        output.contains("found `struct`") && output.ends_with("pub struct S ;"),
        "{output}"
    );
}

#[test]
fn no_input_panics() {
    let inputs = [
        "",
        ";",
        "fn",
        "async fn",
        "async fn f",
        "async fn f(",
        "async fn f()",
        "async fn f() {",
        "pub(",
        "#[a]",
        "async fn f(,) {}",
        "async fn f(self: ) {}",
        "async fn f() -> {}",
        "const",
        "extern",
        "async fn f(...) {}",
        "async fn f(x: u8, ...) { #[detached] }",
        "async fn f() { #[detached] ; }",
        "async fn f() { #[detached] 1 }",
        "async fn f() { context! }",
        "async fn f() { ::context!() :: context!() }",
        "async fn f() { x!(::attach!(,)) }",
        "async fn f() { select!(a =) } ",
        "async fn f() { join!(,) ; format!(,) ; vec![;] ; matches!() }",
        "async fn f() { let __tracing_instrument_future = async {}; }",
        "async fn r#fn(r#mut: u8) { 1.await }",
        "async fn f() { #[detached] #[detached] let x = 1; }",
        "async fn f() { #![inner] }",
        "crate = , x",
        "?",
        "?Send, ?",
        "allow, allow(), allow(blocking, x)",
        "crate",
        "crate =",
        "= 3",
        ", ,",
        "App App",
    ];
    for item in inputs {
        for args in inputs {
            let (Ok(args), Ok(item)) = (args.parse::<TokenStream>(), item.parse::<TokenStream>())
            else {
                continue;
            };
            context_async(args.clone(), item.clone());
            detached(args.clone(), item.clone());
            crate::block::context_block(quote!(#args, async { #item }));
            crate::block::context_block(quote!(#args #item));
        }
    }
}

#[test]
fn a_main_that_cannot_be_the_programs_is_a_fn_like_others() {
    for main in [
        quote!(
            async fn main();
        ),
        quote!(default async fn main() {}),
        quote!(
            async fn main(&self) {}
        ),
        quote!(
            async fn main(id: u64) {}
        ),
        quote!(
            async fn main<T>() {}
        ),
        quote!(
            async fn main<'a>() -> &'a str {
                ""
            }
        ),
        quote!(
            async fn main()
            where
                u8: Sized,
            {
            }
        ),
        quote!(
            async fn main() -> Result<Self, ()> {
                new()
            }
        ),
        quote!(
            async fn main() {
                Self::run().await
            }
        ),
    ] {
        let output = context_async(quote!(), main).to_string();
        assert!(!output.contains("compile_error"), "{output}");
        assert_eq!(output.matches("fn main").count(), 1, "{output}");
    }
    for main in [
        quote!(
            async fn main() {}
        ),
        quote!(
            pub async fn main() -> Result<(), Error> {
                app.run().await
            }
        ),
    ] {
        let output = context_async(quote!(), main).to_string();
        assert!(output.contains("compile_error"), "{output}");
    }
}
