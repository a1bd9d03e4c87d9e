//! What an adversary with safe code found once, each attack kept.

use std::{
    cell::Cell,
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use request_context::{
    RequestContext, attach, context, context_async, detached, scheduler, try_with,
};
use request_context_tests::{Request, on_one_thread, on_pool, seen};
use tokio::task::yield_now;

/// Polls once in a turn of `context`.
fn poll_on<F: Future + ?Sized>(context: &RequestContext<Request>, mut work: Pin<&mut F>) {
    let scheduler = context.scheduler();
    let polled = scheduler.blocking_send(|_| {
        let mut cx = Context::from_waker(Waker::noop());
        work.as_mut().poll(&mut cx).is_pending()
    });
    assert_eq!(polled, Ok(true));
}

#[test]
fn s5_an_attached_body_started_in_another_contexts_turn_is_still_on_its_own() {
    #[context_async(Request)]
    async fn inner() -> [String; 2] {
        let request = context!();
        let at_start = request.user.clone();
        yield_now().await;
        [at_start, request.user.clone()]
    }

    #[context_async(Request)]
    async fn outer(other: RequestContext<Request>) -> [String; 2] {
        let mut work = Box::pin(attach!(inner()));
        poll_on(&other, work.as_mut());
        drop(other);
        work.await
    }

    on_one_thread!(async {
        let ada = RequestContext::new(Request::of("ada"));
        let bob = RequestContext::new(Request::of("bob"));
        assert_eq!(ada.run(outer(bob)).await, ["ada", "ada"]);
    });
}

/// The crate's code does not know what this awaits.
macro_rules! suspend_in_a_macro {
    () => {
        yield_now().await
    };
}

#[context_async(Request)]
async fn looks_thrice() -> Vec<String> {
    let mut looks = Vec::new();
    for _ in 0..3 {
        looks.push(seen());
        yield_now().await;
    }
    looks
}

#[test]
fn s7_a_part_stays_hidden_after_an_await_that_a_macro_wrote() {
    #[context_async(Request)]
    async fn part() -> [String; 3] {
        let (before, after);
        #[detached]
        {
            before = seen();
            suspend_in_a_macro!();
            after = seen();
        }
        [before, after, seen()]
    }

    #[context_async(Request)]
    async fn both() -> ([String; 3], Vec<String>) {
        tokio::join!(biased; part(), looks_thrice())
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (part, beside) = context.run(both()).await;
        assert_eq!(part, ["detached", "detached", "ada"]);
        assert_eq!(beside, ["ada"; 3]);
    });
}

#[test]
fn s7_a_join_in_a_part_hides_nothing_from_those_beside_it() {
    #[context_async(Request)]
    async fn part() {
        #[detached]
        {
            // The second is ready in the same poll in which the first suspends.
            tokio::join!(biased; yield_now(), async {});
        }
    }

    #[context_async(Request)]
    async fn both() -> Vec<String> {
        tokio::join!(biased; part(), looks_thrice()).1
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(context.run(both()).await, ["ada"; 3]);
    });
}

/// Panics when it is dropped, and so does the payload of that panic, if it is to.
struct PanicsOnDrop {
    payload_too: bool,
}

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if self.payload_too {
            panic_any(PanicsOnDrop { payload_too: false });
        }
        panic!("dropped");
    }
}

#[test]
fn a_result_that_nobody_wants_and_whose_drop_panics_aborts_nothing() {
    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        drop(scheduler.spawn(async { PanicsOnDrop { payload_too: true } }));
        let after = scheduler.post(|request| request.user.clone());
        assert_eq!(after.await.unwrap(), "ada");
        context.idle().await.unwrap();
    });
}

/// Panics when it is polled, and again when it is dropped.
struct Fails {
    _dropped: PanicsOnDrop,
}

impl Future for Fails {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("first");
    }
}

#[test]
fn a_destructor_whose_panic_panics_too_ends_no_neighbour() {
    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let failing = scheduler.spawn(Fails {
            _dropped: PanicsOnDrop { payload_too: true },
        });
        let after = scheduler.post(|request| request.user.clone());
        let error = failing.await.unwrap_err();
        assert!(error.to_string().contains("first"), "{error}");
        assert_eq!(after.await.unwrap(), "ada");
    });
}

#[test]
fn remains_whose_drop_panics_give_the_turn_back() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let mut left = Some(Box::pin(context.run(async {
            let _local = PanicsOnDrop { payload_too: true };
            pending::<()>().await;
        })));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(left.as_mut().unwrap().as_mut().poll(&mut cx).is_pending());
        // Dropped by another thread while this one has the turn, and so buried by this one.
        let left = Cell::new(left.take());
        let sent = context.scheduler().blocking_send(|_| {
            let left = left.take();
            std::thread::scope(|scope| {
                scope.spawn(move || drop(left));
            });
        });
        assert_eq!(sent, Ok(()));
        assert_eq!(context.run(async { seen() }).await, "ada");
    });
}

#[test]
fn work_that_wakes_more_work_from_its_drop_does_not_overflow_at_shutdown() {
    struct WakesNext(Option<tokio::sync::oneshot::Sender<()>>);

    impl Drop for WakesNext {
        fn drop(&mut self) {
            if let Some(next) = self.0.take() {
                let _ = next.send(());
            }
        }
    }

    request_context_tests::watchdog(|| {
        let runtime = request_context_tests::one_thread!();
        let context = runtime.block_on(async {
            let context = RequestContext::new(Request::of("ada"));
            let mut next = None;
            for _ in 0..50_000 {
                let (waker, wait) = tokio::sync::oneshot::channel();
                let last = WakesNext(next.replace(waker));
                drop(context.scheduler().spawn(async move {
                    let _last = last;
                    let _ = wait.await;
                }));
            }
            for _ in 0..2_000 {
                yield_now().await;
            }
            (context, next)
        });
        drop(runtime);
        let (context, first) = context;
        drop(first);
        drop(context);
    });
}

#[test]
fn a_handle_of_the_context_is_refused_in_a_part_polled_anew() {
    #[context_async(Request)]
    async fn index() -> bool {
        let request = context!();
        let _scheduler = scheduler!();
        #[detached]
        let refused = {
            yield_now().await;
            catch_unwind(AssertUnwindSafe(|| request.user.len())).is_err()
                && try_with::<Request, _>(|_| ()).is_err()
        };
        refused && request.user == "ada"
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        assert!(context.run(index()).await);
    });
}
