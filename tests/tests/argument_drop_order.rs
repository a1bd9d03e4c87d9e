//! Arguments are dropped when and in the order in which a plain `async fn` drops its own.

use std::{future::Future, pin::pin};

use request_context::{RequestContext, context, context_async, detached};
use request_context_tests::{Log, Request, caught, on_one_thread, poll_once, suspend};

/// Writes down its name when it is dropped.
struct Named(&'static str, Log);

impl Drop for Named {
    fn drop(&mut self) {
        self.1.push(self.0);
    }
}

/// What the body does after it has made its locals.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Return,
    Panic,
    Suspend,
}

async fn then(then: Then) {
    suspend().await;
    match then {
        Then::Return => {}
        Then::Panic => panic!("on purpose"),
        Then::Suspend => std::future::pending().await,
    }
}

/// The same fns with each of these attributes, in a module of that name.
macro_rules! fns {
    ($($module:ident: $(#[$attribute:meta])?;)*) => {
        $(
            mod $module {
                use super::*;

                $(#[$attribute])?
                pub(super) async fn by_name(first: Named, mut second: Named, end: Then) -> &'static str {
                    let _local = Named("local", second.1.clone());
                    second.0 = "second, renamed";
                    then(end).await;
                    first.0
                }

                $(#[$attribute])?
                pub(super) async fn unused(_first: Named, _: Named, _third: Named, end: Then) {
                    then(end).await;
                }

                $(#[$attribute])?
                pub(super) async fn by_pattern(
                    (first, _): (Named, Named),
                    [third, .., _]: [Named; 3],
                    Holds { inner: Named(_, ref log), .. }: Holds,
                    end: Then,
                ) {
                    let _local = Named("local", log.clone());
                    then(end).await;
                    drop(third);
                    let _last = first;
                }

                $(#[$attribute])?
                pub(super) async fn moved(first: Named, second: Named, third: Named, end: Then) {
                    drop(second);
                    let _first = first;
                    then(end).await;
                    let _ = third;
                }

                $(#[$attribute])?
                pub(super) async fn returned_early(first: Named, second: Named, end: Then) -> Option<Named> {
                    let _local = Named("local", first.1.clone());
                    then(end).await;
                    if !first.0.is_empty() {
                        return Some(first);
                    }
                    Some(second)
                }

                $(#[$attribute])?
                pub(super) async fn in_the_tail(first: Named, _second: Named, end: Then) -> usize {
                    then(end).await;
                    Named("temporary", first.1.clone()).0.len()
                }

                impl Holds {
                    $(#[$attribute])?
                    pub(super) async fn $module(self, _: Named, last: Named, end: Then) -> usize {
                        let _local = Named("local", last.1.clone());
                        then(end).await;
                        self.inner.0.len()
                    }
                }

                pub(super) trait Unused {
                    $(#[$attribute])?
                    async fn unused_self(self: Box<Self>, _: Named, end: Then);
                }

                impl Unused for Holds {
                    $(#[$attribute])?
                    async fn unused_self(self: Box<Self>, _: Named, end: Then) {
                        then(end).await;
                    }
                }
            }
        )*
    };
}

fns! {
    plain:;
    annotated: #[context_async(Request)];
    bare: #[context_async];
    boxed: #[context_async(Request, boxed)];
    off: #[detached];
}

struct Holds {
    inner: Named,
    _other: Named,
}

impl Holds {
    fn new(log: &Log) -> Self {
        Holds {
            inner: Named("inner", log.clone()),
            _other: Named("other", log.clone()),
        }
    }
}

/// How a call ends.
#[derive(Clone, Copy, Debug)]
enum End {
    NeverPolled,
    HalfWay,
    Completed,
    Panicked,
}

impl End {
    fn then(self) -> Then {
        match self {
            End::NeverPolled | End::Completed => Then::Return,
            End::HalfWay => Then::Suspend,
            End::Panicked => Then::Panic,
        }
    }

    /// What is dropped as `future` ends so.
    fn drops<F: Future>(self, log: Log, future: F) -> Vec<String> {
        {
            let mut future = pin!(future);
            match self {
                End::NeverPolled => {}
                End::HalfWay => {
                    for _ in 0..3 {
                        assert!(poll_once(future.as_mut()).is_pending());
                    }
                }
                End::Completed => {
                    assert!(poll_once(future.as_mut()).is_pending());
                    assert!(poll_once(future.as_mut()).is_ready());
                }
                End::Panicked => {
                    assert!(poll_once(future.as_mut()).is_pending());
                    let panics = || poll_once(future.as_mut()).is_ready();
                    assert_eq!(caught(panics).message, "on purpose");
                }
            }
            log.push("- end -");
        }
        log.take()
    }
}

/// The same call of the fn with each attribute, ended in each way, has the drops of the plain one.
macro_rules! same_drops {
    (|$log:ident| $call:ident($($args:expr),*)) => {
        same_drops!(|$log, module, end| {
            plain: plain::$call($($args,)* end),
            annotated: annotated::$call($($args,)* end),
            bare: bare::$call($($args,)* end),
            boxed: boxed::$call($($args,)* end),
            off: off::$call($($args,)* end),
        })
    };
    (|$log:ident, $module:ident, $end:ident| {
        plain: $plain:expr,
        $($needs:ident: $call:expr,)*
    }) => {
        on_one_thread!(async {
            let context = RequestContext::new(Request::of("ada"));
            for end in [End::NeverPolled, End::HalfWay, End::Completed, End::Panicked] {
                let $end = end.then();
                let $log = Log::new();
                let expected = end.drops($log.clone(), $plain);
                assert!(expected.len() > 1, "{end:?}");
                $(
                    let $log = Log::new();
                    let drops = end.drops($log.clone(), context.run($call));
                    assert_eq!(drops, expected, "{} {end:?}", stringify!($needs));
                )*
            }
        })
    };
}

#[test]
fn arguments_by_name() {
    same_drops!(|log| by_name(Named("first", log.clone()), Named("second", log.clone())));
}

#[test]
fn arguments_that_are_not_used() {
    same_drops!(|log| unused(
        Named("first", log.clone()),
        Named("second", log.clone()),
        Named("third", log.clone())
    ));
}

#[test]
fn arguments_by_pattern() {
    same_drops!(|log| by_pattern(
        (Named("first", log.clone()), Named("second", log.clone())),
        ["third", "fourth", "fifth"].map(|name| Named(name, log.clone())),
        Holds::new(&log)
    ));
}

#[test]
fn arguments_that_the_body_moves() {
    same_drops!(|log| moved(
        Named("first", log.clone()),
        Named("second", log.clone()),
        Named("third", log.clone())
    ));
}

#[test]
fn arguments_of_a_body_that_returns_early() {
    same_drops!(|log| returned_early(Named("first", log.clone()), Named("second", log.clone())));
}

#[test]
fn arguments_and_what_the_last_expression_makes() {
    same_drops!(|log| in_the_tail(Named("first", log.clone()), Named("second", log.clone())));
}

#[test]
fn the_receiver() {
    macro_rules! call {
        ($module:ident, $log:ident, $end:ident) => {
            Holds::new(&$log).$module(
                Named("second", $log.clone()),
                Named("last", $log.clone()),
                $end,
            )
        };
    }
    same_drops!(|log, module, end| {
        plain: call!(plain, log, end),
        annotated: call!(annotated, log, end),
        bare: call!(bare, log, end),
        boxed: call!(boxed, log, end),
        off: call!(off, log, end),
    });
}

#[test]
fn a_receiver_that_is_not_used() {
    macro_rules! call {
        ($module:ident, $log:ident, $end:ident) => {{
            let holds = Box::new(Holds::new(&$log));
            $module::Unused::unused_self(holds, Named("second", $log.clone()), $end)
        }};
    }
    same_drops!(|log, module, end| {
        plain: call!(plain, log, end),
        annotated: call!(annotated, log, end),
        bare: call!(bare, log, end),
        boxed: call!(boxed, log, end),
        off: call!(off, log, end),
    });
}

#[test]
fn arguments_are_dropped_on_the_context_also_when_they_are_not_used() {
    struct Sees(Log);
    impl Drop for Sees {
        fn drop(&mut self) {
            self.0.push(request_context_tests::seen());
        }
    }

    #[context_async(Request)]
    async fn ignores(_: Sees, _unused: Sees) -> u32 {
        suspend().await;
        context!().count.get()
    }

    let log = Log::new();
    let entries = log.clone();
    on_one_thread!(async move {
        let context = RequestContext::new(Request::of("ada"));
        let sees = || Sees(log.clone());
        assert_eq!(context.run(ignores(sees(), sees())).await, 0);
        let mut half_way = Box::pin(context.run(ignores(sees(), sees())));
        assert!(poll_once(half_way.as_mut()).is_pending());
    });
    assert_eq!(entries.take(), ["ada"; 4]);
}
