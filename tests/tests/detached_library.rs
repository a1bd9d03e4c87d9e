//! A library that puts `#[detached]` on every `async fn`, and its users, who do with them what they did before.

#![deny(warnings)]

use std::{
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    rc::Rc,
    sync::Arc,
};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, LocalBoxFuture, Shared, join_all, try_join_all},
    stream::{self, FuturesUnordered},
};
use request_context::{RequestContext, context, context_async, detached};
use request_context_tests::{Request, on_one_thread, on_pool, seen, suspend};

/// The library, with this attribute on each `async fn`.
macro_rules! library {
    ($module:ident: $(#[$it:meta])*) => {
        mod $module {
            use super::*;
            library!(items: [$(#[$it])*]);
        }
    };
    (items: [$($it:tt)*]) => {
        #[derive(Clone)]
        pub(super) struct Client {
            pub(super) name: String,
        }

        #[derive(Debug, PartialEq)]
        pub(super) struct Missing;

        pub(super) struct Local(pub(super) Rc<u32>);

        $($it)*
        pub(super) async fn number(value: u32) -> u32 {
            suspend().await;
            value
        }

        $($it)*
        pub(super) async fn saw() -> String {
            suspend().await;
            seen()
        }

        $($it)*
        pub(super) async fn fallible(value: Option<u32>) -> Result<u32, Missing> {
            let value = value.ok_or(Missing)?;
            Ok(number(value).await)
        }

        $($it)*
        pub(super) async fn borrowed(text: &str, rows: &mut Vec<String>) -> usize {
            suspend().await;
            rows.push(text.to_owned());
            rows.len()
        }

        $($it)*
        pub(super) async fn longer<'a>(one: &'a str, other: &'a str) -> &'a str {
            suspend().await;
            if one.len() < other.len() { other } else { one }
        }

        $($it)*
        pub(super) async fn same<T>(value: T) -> T {
            suspend().await;
            value
        }

        $($it)*
        pub(super) async fn retried<F, Fut>(mut call: F) -> u32
        where
            F: FnMut(u32) -> Fut,
            Fut: Future<Output = Option<u32>>,
        {
            let mut times = 0;
            loop {
                if let Some(value) = call(times).await {
                    break value;
                }
                times += 1;
            }
        }

        $($it)*
        pub(super) async fn through_async(call: impl AsyncFn(u32) -> u32) -> u32 {
            call(1).await + call(2).await
        }

        $($it)*
        pub(super) async fn erased(source: &dyn Source) -> u32 {
            source.read().await
        }

        $($it)*
        pub(super) async fn rows(up_to: u32) -> impl Iterator<Item = u32> + Send {
            suspend().await;
            0..up_to
        }

        $($it)*
        pub(super) async fn shared(value: Arc<u32>) -> u32 {
            suspend().await;
            *value
        }

        pub(super) fn recursive(depth: u32) -> BoxFuture<'static, u32> {
            descend(depth).boxed()
        }

        $($it)*
        async fn descend(depth: u32) -> u32 {
            match depth {
                0 => 0,
                more => 1 + recursive(more - 1).await,
            }
        }

        pub(super) trait Source: Send + Sync {
            fn read(&self) -> Pin<Box<dyn Future<Output = u32> + Send + '_>>;
        }

        impl Source for Client {
            fn read(&self) -> Pin<Box<dyn Future<Output = u32> + Send + '_>> {
                Box::pin(self.length())
            }
        }

        impl Client {
            $($it)*
            pub(super) async fn connect(name: &str) -> Self {
                suspend().await;
                Client { name: name.to_owned() }
            }

            $($it)*
            pub(super) async fn length(&self) -> u32 {
                suspend().await;
                u32::try_from(self.name.len()).unwrap()
            }

            $($it)*
            pub(super) async fn rename(&mut self, name: impl Into<String>) -> &mut Self {
                suspend().await;
                self.name = name.into();
                self
            }

            $($it)*
            pub(super) async fn close(self) -> String {
                suspend().await;
                self.name
            }

            $($it)*
            pub(super) async fn kept(self: Arc<Self>) -> usize {
                suspend().await;
                Arc::strong_count(&self)
            }
        }

        impl Local {
            $($it)*
            pub(super) async fn count(&self) -> usize {
                suspend().await;
                Rc::strong_count(&self.0)
            }
        }

        pub(super) trait Store {
            fn load(&self, key: u32) -> impl Future<Output = u32> + Send;
            fn store(&mut self, key: u32) -> impl Future<Output = u32>;
        }

        impl Store for Vec<u32> {
            $($it)*
            async fn load(&self, key: u32) -> u32 {
                suspend().await;
                self[key as usize]
            }

            $($it)*
            async fn store(&mut self, key: u32) -> u32 {
                suspend().await;
                self.push(key);
                key
            }
        }
    };
}

library!(plain:);
library!(off: #[detached]);

fn is_ordinary<T>(future: T) -> T
where
    T: Future + Send + Sync + 'static,
{
    future
}

fn is_send<'a, T: Future + Send + 'a>(future: T) -> T {
    future
}

fn unwinds<T: UnwindSafe + RefUnwindSafe>(value: T) -> T {
    value
}

/// Users of the library in this module: what they get from it.
macro_rules! users {
    ($library:ident) => {
        pub(super) mod $library {
            use super::super::$library as library;
            use super::*;
            use library::{Client, Local, Missing, Source, Store};

            async fn of_values() -> Vec<u32> {
                let mut said = vec![is_ordinary(library::number(1)).await];
                said.push(tokio::spawn(library::number(2)).await.unwrap());
                let boxed: Pin<Box<dyn Future<Output = u32> + Send + Sync>> =
                    Box::pin(library::number(3));
                said.push(boxed.await);
                said.extend(join_all((4..6).map(library::number)).await);
                assert_eq!(
                    try_join_all([library::fallible(Some(1)), library::fallible(None)]).await,
                    Err(Missing),
                );
                let mut unordered: FuturesUnordered<_> = (6..8).map(library::number).collect();
                let mut sum = 0;
                while let Some(value) = unordered.next().await {
                    sum += value;
                }
                said.push(sum);
                let shared: Shared<_> = library::number(9).shared();
                said.extend(<[u32; 2]>::from(tokio::join!(shared.clone(), shared)));
                said.extend(
                    stream::iter([10, 11])
                        .then(library::number)
                        .collect::<Vec<_>>()
                        .await,
                );
                said.push(unwinds(library::number(12)).catch_unwind().await.unwrap());
                said.push(library::shared(Arc::new(13)).map(|value| value + 1).await);
                said.extend(library::rows(2).await);
                said.push(library::recursive(3).await);
                said
            }

            /// A plain async fn is a value, a pointer once its future is boxed, and a bound's type.
            async fn of_functions() -> Vec<u32> {
                async fn applied<F, Fut>(call: F, value: u32) -> u32
                where
                    F: Fn(u32) -> Fut + Copy + Send + 'static,
                    Fut: Future<Output = u32> + Send + 'static,
                {
                    tokio::spawn(call(value)).await.unwrap()
                }
                let function = library::number;
                let pointer: fn(u32) -> BoxFuture<'static, u32> =
                    |value| library::number(value).boxed();
                let table: [(&str, fn(u32) -> BoxFuture<'static, u32>); 2] =
                    [("pointer", pointer), ("recursive", library::recursive)];
                let mut said = vec![function(1).await, applied(library::number, 2).await];
                for (_, call) in table {
                    said.push(call(3).await);
                }
                said.push(library::retried(async |times| (times == 2).then_some(4)).await);
                said.push(
                    library::retried(|times| {
                        library::fallible((times > 1).then_some(5)).map(Result::ok)
                    })
                    .await,
                );
                said.push(library::through_async(library::number).await);
                said.push(Option::Some(6).map(library::number).unwrap().await);
                said
            }

            async fn of_borrows() -> String {
                let (one, mut rows) = (String::from("one"), Vec::new());
                let length = is_send(library::borrowed(&one, &mut rows)).await;
                let longest = {
                    let other = String::from("other");
                    is_send(library::longer(&one, &other)).await.to_owned()
                };
                let mut client = Client::connect(&one).await;
                let boxed: BoxFuture<'_, u32> = client.length().boxed();
                let length = length + boxed.await as usize;
                let name = client
                    .rename("client")
                    .await
                    .rename(&*longest)
                    .await
                    .name
                    .clone();
                let (a, b) = tokio::join!(client.length(), library::erased(&client));
                let sources: Vec<Box<dyn Source>> =
                    vec![Box::new(client.clone()), Box::new(client.clone())];
                let all: u32 = join_all(sources.iter().map(|source| source.read()))
                    .await
                    .iter()
                    .sum();
                let kept = is_ordinary(Arc::new(client.clone()).kept()).await;
                std::thread::scope(|scope| {
                    let waits = scope.spawn(|| request_context_tests::block_on(client.length()));
                    assert_eq!(waits.join().unwrap(), 5);
                });
                let closed = tokio::spawn(client.close()).await.unwrap();
                format!(
                    "{length} {longest} {name} {a} {b} {all} {kept} {closed} {}",
                    rows.len()
                )
            }

            async fn of_traits() -> Vec<u32> {
                async fn generic<S: Store + Send + Sync + 'static>(mut store: S) -> u32 {
                    store.store(4).await;
                    let store = Arc::new(store);
                    tokio::spawn(async move { store.load(1).await })
                        .await
                        .unwrap()
                }
                let rows = vec![1];
                let mut mine = rows.clone();
                let stored = is_send(mine.store(2)).await;
                vec![
                    rows.load(0).await,
                    stored,
                    generic(rows).await,
                    library::same(5).await,
                ]
            }

            /// What cannot be sent was never asked to be.
            async fn of_what_cannot_be_sent() -> usize {
                let local = Local(Rc::new(1));
                let boxed: LocalBoxFuture<'_, usize> = local.count().boxed_local();
                let count = boxed.await + Rc::strong_count(&library::same(local.0.clone()).await);
                let times = Rc::new(1);
                let value = library::retried(|_| {
                    let times = times.clone();
                    async move { Some(*times) }
                });
                count + value.await as usize
            }

            pub(in super::super) async fn all() -> String {
                let said = (
                    of_values().await,
                    of_functions().await,
                    of_borrows().await,
                    of_traits().await,
                );
                format!("{said:?}")
            }

            pub(in super::super) async fn unsent() -> usize {
                of_what_cannot_be_sent().await
            }
        }
    };
}

mod users {
    use super::*;

    users!(plain);
    users!(off);
}

#[test]
fn users_of_a_library_do_not_notice_that_it_is_detached() {
    let (before, after) = on_pool!(2, async {
        (users::plain::all().await, users::off::all().await)
    });
    assert!(before.len() > 100, "{before}");
    assert_eq!(after, before);
    let (before, after) =
        on_one_thread!(async { (users::plain::unsent().await, users::off::unsent().await) });
    assert_eq!((before, after), (4, 4));
}

#[test]
fn on_a_context_a_detached_library_sees_none_and_all_of_its_users_see_theirs_after() {
    #[context_async(Request)]
    async fn page() -> [String; 4] {
        let plain = plain::saw().await;
        let off = off::saw().await;
        assert_eq!(context!().user, "ada");
        let joined = tokio::join!(plain::saw(), off::saw());
        assert_eq!(seen(), "ada");
        users::off::all().await;
        assert_eq!(seen(), context!().user);
        [plain, off, joined.0, joined.1]
    }

    on_pool!(2, async {
        assert_eq!(
            [plain::saw().await, off::saw().await],
            ["never", "detached"]
        );
        let context = RequestContext::new(Request::of("ada"));
        let saw = context.run(page()).await;
        assert_eq!(saw, ["ada", "detached", "ada", "detached"]);
    });
}
