//! The user's own names where a body, or what an attribute makes of it, might mean others.

#![allow(non_snake_case, non_upper_case_globals)]

use request_context_tests::Request;

/// Everything that an expansion might name, under each other kind of name.
mod shadowed {
    #![allow(dead_code, non_camel_case_types)]

    use ::request_context::{attach, context, context_async, context_block, detached, scheduler};
    use ::request_context_tests::{Request, seen, suspend};

    use super::super::step;

    pub(super) mod request_context {}
    pub(super) mod core {}
    pub(super) mod std {}
    pub(super) mod tokio {
        pub(in super::super) fn join() -> u32 {
            1
        }
    }
    mod context {
        pub(super) fn of() -> u32 {
            2
        }
    }
    mod scheduler {}
    mod attach {}
    struct Send;
    struct Sync;
    struct Future;
    struct IntoFuture;
    struct Option;
    struct Some;
    struct None;
    struct Result;
    struct Ok;
    struct Err;
    struct Box;
    struct Pin;
    struct Sized;
    struct Never;
    type NeedsContext = u8;
    type NeedsAnyContext = u8;
    type String = ::std::string::String;
    fn drop(_: Send) {}
    fn call() {}
    fn inside() {}
    fn anchor() {}
    fn token() {}
    fn detached() {}

    #[context_async(Request)]
    pub(super) async fn items(value: u8) -> (u8, String) {
        #[detached]
        suspend().await;
        #[detached]
        let off = seen();
        assert_eq!(off, "detached");
        let value = step(value).await;
        let spawned = scheduler!().spawn(context_block!(Request, async move { step(value).await }));
        let (value,) = ::tokio::join!(attach!(async { spawned.await.unwrap() }));
        assert_eq!(tokio::join() + context::of(), 3);
        (value, context!().user.clone())
    }

    #[context_async(Request, boxed)]
    pub(super) async fn boxed(value: u8) -> u8 {
        match value {
            0 => value,
            more => boxed(more - 1).await + step(1).await,
        }
    }

    #[context_async]
    pub(super) async fn bare() -> u8 {
        suspend().await;
        let _ = context!().id();
        1
    }

    #[detached]
    pub(super) async fn off(value: u8) -> (u8, String) {
        suspend().await;
        (value, seen())
    }
}

#[test]
fn items_of_the_module_with_such_names_are_left_alone() {
    assert_eq!(steps!(shadowed::items(7)), ((7, "ada".to_owned()), 2));
    assert_eq!(steps!(shadowed::boxed(3)), (3, 3));
    assert_eq!(steps!(shadowed::bare()), (1, 0));
    assert_eq!(steps!(shadowed::off(5)), ((5, "detached".to_owned()), 0));
}

/// What a pattern of that name would mean, instead of a local.
mod in_patterns {
    #![allow(non_camel_case_types)]

    use ::request_context::{context, context_async, detached};
    use ::request_context_tests::{Request, seen};

    use super::super::step;

    static __ret: u32 = 1;
    static __arg0: u32 = 2;
    const __arg1: u32 = 3;
    struct __arg2;
    const __detached: u32 = 4;
    static __call: u32 = 5;
    static request_context: u32 = 6;

    fn of_the_module() -> u32 {
        let __arg2 = __arg2;
        __ret + __arg0 + __arg1 + __detached + __call + request_context
    }

    #[context_async(Request)]
    pub(super) async fn named((a, b): (u32, u32), [c]: [u32; 1], _: u32) -> Option<u32> {
        #[detached]
        let off = seen();
        assert_eq!(off, "detached");
        assert_eq!(context!().user, "ada");
        Some(step(a + b + c).await + of_the_module())
    }

    #[context_async(Request, boxed)]
    pub(super) async fn boxed(&(a, _): &(u32, u32), _: &str) -> u32 {
        step(a).await + __ret + __call
    }

    #[detached]
    pub(super) async fn off((a, b): (u32, u32), [c]: [u32; 1], _: u32) -> u32 {
        a + b + c + of_the_module()
    }
}

#[test]
fn statics_and_consts_with_such_names_are_left_alone() {
    let of_the_module = 1 + 2 + 3 + 4 + 5 + 6;
    let sum = 1 + 2 + 3 + of_the_module;
    assert_eq!(steps!(in_patterns::named((1, 2), [3], 4)), (Some(sum), 1));
    assert_eq!(steps!(in_patterns::boxed(&(1, 2), "")), (1 + 1 + 5, 1));
    assert_eq!(steps!(in_patterns::off((1, 2), [3], 4)), (sum, 0));
}

#[test]
fn locals_and_arguments_with_such_names_are_left_alone() {
    use request_context::{attach, context, context_async, detached, scheduler};
    use request_context_tests::{seen, suspend};

    use super::step;

    #[context_async(Request)]
    async fn named(
        context: u32,
        scheduler: u32,
        attach: u32,
        request_context: u32,
        __ret: u32,
        __arg0: u32,
        (__arg1, core, std): (u32, u32, u32),
    ) -> (u32, String) {
        let detached = step(1).await;
        let call = |more: u32| context + more;
        #[detached]
        let __detached = {
            suspend().await;
            assert_eq!(seen(), "detached");
            detached
        };
        let spawned = scheduler!().spawn(step(scheduler + 1));
        let (attached,) = tokio::join!(attach!(step(attach)));
        let request_context = step(request_context).await;
        assert_eq!(seen(), context!().user);
        let sum = call(attached) + spawned.await.unwrap() + request_context;
        let sum = sum + __ret + __arg0 + __arg1 + core + std + __detached;
        (sum, context!().user.clone())
    }

    #[detached]
    async fn off(context: u32, request_context: u32, __ret: u32, detached: u32) -> u32 {
        suspend().await;
        context + request_context + __ret + detached
    }

    let sum = 1 + 2 + 3 + 1 + 4 + 5 + 6 + 7 + 8 + 9 + 1;
    assert_eq!(
        steps!(named(1, 2, 3, 4, 5, 6, (7, 8, 9))),
        ((sum, "ada".to_owned()), 4)
    );
    assert_eq!(steps!(off(1, 2, 3, 4)), (10, 0));
}

#[test]
fn generic_parameters_and_items_of_the_body_with_such_names_are_left_alone() {
    use request_context::{context, context_async, detached};
    use request_context_tests::suspend;

    use super::step;

    #[context_async(Request)]
    async fn generic<Send: Copy + std::marker::Send, Future, const core: usize>(
        value: Send,
        _: [Future; core],
    ) -> (Send, usize)
    where
        Future: std::marker::Send,
    {
        use detached as off;
        mod std {}
        struct Option;
        fn context(_: Option) -> usize {
            core_of()
        }
        fn core_of() -> usize {
            1
        }
        #[off]
        async fn request_context() -> usize {
            suspend().await;
            2
        }
        #[detached]
        let more = request_context().await;
        assert_eq!(context!().user, "ada");
        (step(value).await, core + context(Option) + more)
    }

    assert_eq!(steps!(generic(1_u8, [(); 3])), ((1, 3 + 1 + 2), 1));
}

#[test]
fn words_and_attributes_are_found_where_the_body_itself_imports_them() {
    #[request_context::context_async(Request)]
    async fn imports() -> String {
        use request_context::{attach, context, detached};
        #[detached]
        let off = request_context_tests::seen();
        let user = attach!(super::step(context!().user.clone())).await;
        #[request_context::detached]
        request_context_tests::suspend().await;
        format!("{off} {user} {}", request_context::context!().count.get())
    }

    #[::request_context::context_async(Request)]
    async fn absolute() -> String {
        #[::request_context::detached]
        let off = request_context_tests::seen();
        format!(
            "{off} {}",
            ::request_context::attach!(::request_context::context_block!(Request, async {
                super::step(()).await;
                ::request_context::context!().user.clone()
            }))
            .await
        )
    }

    assert_eq!(steps!(imports()).0, "detached ada 1");
    assert_eq!(steps!(absolute()).0, "detached ada");
}
