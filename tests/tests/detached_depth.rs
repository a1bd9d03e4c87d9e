//! A chain of detached fns may be longer than the compiler follows, as each is checked to be `Send` by itself.

use request_context::detached;
use tokio::task::yield_now;

macro_rules! chain {
    ($last:ident $($caller:ident)*) => {
        #[detached]
        async fn $last() -> u32 {
            yield_now().await;
            1
        }
        chain!($last <- $($caller)*);
    };
    ($callee:ident <- $name:ident $($caller:ident)*) => {
        #[detached]
        async fn $name() -> u32 {
            $callee().await + 1
        }
        chain!($name <- $($caller)*);
    };
    ($first:ident <-) => {};
}

chain! { f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49 f50 f51 f52 f53 f54 f55 f56 f57 f58 f59 }

#[tokio::test]
async fn fns_that_call_each_other_in_60_steps_can_be_spawned() {
    assert_eq!(tokio::spawn(f59()).await.unwrap(), 60);
}

struct Store<T>(T);

macro_rules! methods {
    ($last:ident $($caller:ident)*) => {
        #[detached]
        async fn $last(&self, _key: &str) -> &T {
            yield_now().await;
            &self.0
        }
        methods!($last <- $($caller)*);
    };
    ($callee:ident <- $name:ident $($caller:ident)*) => {
        #[detached]
        async fn $name(&self, key: &str) -> &T {
            self.$callee(key).await
        }
        methods!($name <- $($caller)*);
    };
    ($first:ident <-) => {};
}

#[allow(dead_code)]
impl<T: Send + Sync> Store<T> {
    methods! { f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49 f50 f51 f52 f53 f54 f55 f56 f57 f58 f59 }
}

#[tokio::test]
async fn generic_methods_that_borrow_can_be_declared_as_deep_and_spawned() {
    // Not all 60: how large a future is, rustc finds out for types of 128 layers.
    let spawned = tokio::spawn(async { *Store(7).f10("key").await });
    assert_eq!(spawned.await.unwrap(), 7);
}
