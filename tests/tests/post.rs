//! Posted closures: later, in order, one at a time.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    mem,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use request_context::{JoinHandle, RequestContext, context, context_async, scheduler};
use request_context_tests::{
    CountingWaker, DropPanics, Gate, Log, PanickingWaker, Request, block_on, context_on, message,
    on_one_thread, on_pool, one_thread, outstanding, poll_once, pool, seen, sees_on_drop, suspend,
    watchdog,
};
use tokio::task::yield_now;

#[test]
fn post_01_post_returns_before_the_closure_has_run() {
    watchdog(|| {
        // Nobody drives this runtime yet.
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let ran = Arc::new(AtomicBool::new(false));
        let sets = ran.clone();
        let posted = context
            .scheduler()
            .post(move |_| sets.store(true, Ordering::SeqCst));
        assert!(!ran.load(Ordering::SeqCst));
        runtime.block_on(posted).unwrap();
        assert!(ran.load(Ordering::SeqCst));
    });
}

#[test]
fn post_02_post_is_never_inline_though_the_context_is_idle_or_the_posters_own() {
    #[context_async(Request)]
    async fn posts(log: Log) {
        let closure_log = log.clone();
        let posted = scheduler!().post(move |request| {
            closure_log.push(format!("closure of {}", request.user));
        });
        log.push("posted");
        log.push("the same turn");
        posted.await.unwrap();
        log.push("joined");
    }

    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        let expected = ["posted", "the same turn", "closure of ada", "joined"];
        for _ in 0..100 {
            let log = Log::new();
            context.run(posts(log.clone())).await;
            assert_eq!(log.take(), expected);
            context.scheduler().spawn(posts(log.clone())).await.unwrap();
            assert_eq!(log.take(), expected);
        }
    });
}

#[test]
fn post_03_a_closure_posted_during_a_turn_runs_after_it_on_another_thread_than_the_posters() {
    watchdog(|| {
        let runtime = pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let log = Log::new();
        let (busy, release) = (Gate::new(), Gate::new());
        let turn = context.scheduler().post({
            let (busy, release, log) = (busy.clone(), release.clone(), log.clone());
            move |_| {
                busy.open();
                release.wait();
                log.push("the turn ends");
            }
        });
        busy.wait();
        let closure_log = log.clone();
        let posted = context.scheduler().post(move |_| {
            closure_log.push("closure");
            std::thread::current().id()
        });
        log.push("posted");
        release.open();
        assert_ne!(block_on(posted).unwrap(), std::thread::current().id());
        block_on(turn).unwrap();
        assert_eq!(log.take(), ["posted", "the turn ends", "closure"]);
    });
}

#[test]
fn post_04_a_thousand_posts_run_in_order() {
    on_pool!(4, async {
        let context = RequestContext::new(RefCell::new(Vec::new()));
        for i in 0..1000 {
            drop(
                context
                    .scheduler()
                    .post(move |order: &RefCell<Vec<u32>>| order.borrow_mut().push(i)),
            );
        }
        context.idle().await.unwrap();
        let order = context
            .scheduler()
            .post(|order| order.take())
            .await
            .unwrap();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    });
}

#[test]
fn the_posts_of_each_of_many_posters_run_in_its_order() {
    const POSTERS: usize = 8;
    const POSTS: usize = 500;
    type Orders = RefCell<[Vec<usize>; POSTERS]>;

    on_pool!(4, async {
        let context = RequestContext::new(Orders::default());
        let posters: Vec<_> = (0..POSTERS)
            .map(|poster| {
                // Half of them through a handle of their own.
                let context = context.clone();
                let scheduler = context.scheduler();
                tokio::spawn(async move {
                    for i in 0..POSTS {
                        let post = move |orders: &Orders| orders.borrow_mut()[poster].push(i);
                        if i % 2 == 0 {
                            drop(scheduler.post(post));
                        } else {
                            drop(context.scheduler().post(post));
                        }
                        if i % 50 == 0 {
                            yield_now().await;
                        }
                    }
                })
            })
            .collect();
        for poster in posters {
            poster.await.unwrap();
        }
        context.idle().await.unwrap();
        let orders = context
            .scheduler()
            .post(|orders| orders.take())
            .await
            .unwrap();
        for order in orders {
            assert_eq!(order, (0..POSTS).collect::<Vec<_>>());
        }
    });
}

#[test]
fn post_08_what_was_posted_during_an_item_runs_after_it_in_order() {
    on_pool!(4, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let (scheduler, item_log) = (context.scheduler(), log.clone());
        let item = context.scheduler().post(move |_| {
            for i in 5..8 {
                let log = item_log.clone();
                drop(scheduler.post(move |_| log.push(i.to_string())));
            }
            item_log.push("2");
        });
        item.await.unwrap();
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["2", "5", "6", "7"]);
    });
}

#[test]
fn work_that_yields_goes_on_behind_what_was_queued_before() {
    #[context_async(Request)]
    async fn posts_and_yields(name: &'static str, log: Log) {
        for i in 1..4 {
            log.push(format!("{name} {i}"));
            if i == 2 {
                let log = log.clone();
                drop(scheduler!().post(move |_| log.push(format!("posted by {name}"))));
            }
            suspend().await;
        }
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        for name in ["a", "b"] {
            drop(
                context
                    .scheduler()
                    .spawn(posts_and_yields(name, log.clone())),
            );
        }
        context.idle().await.unwrap();
        let queued = [
            "a 1",
            "b 1",
            "a 2",
            "b 2",
            "posted by a",
            "a 3",
            "posted by b",
            "b 3",
        ];
        assert_eq!(log.take(), queued);
    });
}

#[test]
fn post_09_panicking_closures_poison_nothing_and_keep_the_order() {
    on_pool!(2, async {
        let context = RequestContext::new(Cell::new(0));
        let panics = |text: &'static str| drop(context.scheduler().post(move |_| panic!("{text}")));
        let increments = || drop(context.scheduler().post(|count| count.set(count.get() + 1)));
        panics("first");
        increments();
        increments();
        panics("second");
        increments();
        let panicked = context.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["first", "second"]);
        assert_eq!(
            context.scheduler().post(|count| count.get()).await.unwrap(),
            3
        );
    });
}

#[test]
fn post_10_each_handle_gets_its_own_panic() {
    on_pool!(2, async {
        let context = RequestContext::new(());
        let panics = |text: &'static str| -> JoinHandle<()> {
            context.scheduler().post(move |()| panic!("{text}"))
        };
        let (a, b) = (panics("a"), panics("b"));
        assert_eq!(message(&*b.await.unwrap_err().into_panic()), "b");
        assert_eq!(message(&*a.await.unwrap_err().into_panic()), "a");
        context.idle().await.unwrap();
    });
}

#[test]
fn post_18_clones_of_a_context_share_one_order() {
    on_pool!(4, async {
        let context = RequestContext::new(RefCell::new(Vec::new()));
        let clone = context.clone();
        for i in 0..1000 {
            let through = if i % 2 == 0 { &context } else { &clone };
            drop(
                through
                    .scheduler()
                    .post(move |order: &RefCell<Vec<u32>>| order.borrow_mut().push(i)),
            );
        }
        context.idle().await.unwrap();
        let order = clone.scheduler().post(|order| order.take()).await.unwrap();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    });
}

#[test]
fn post_15_a_posted_closure_sees_what_its_context_owns_and_nothing_that_is_the_posters() {
    tokio::task_local!(static LOCAL: u32);

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let posted = LOCAL.sync_scope(1, || {
            context
                .scheduler()
                .post(|_| (seen(), LOCAL.try_with(|local| *local).ok()))
        });
        assert_eq!(posted.await.unwrap(), ("ada".to_owned(), None));
    });
}

#[test]
fn post_15_a_posted_closure_sees_its_context_and_not_the_posters() {
    #[context_async(Request)]
    async fn posts(other: RequestContext<Request>) -> [String; 2] {
        let posted = other
            .scheduler()
            .post(|request| [request.user.clone(), seen()]);
        posted.await.unwrap()
    }

    on_one_thread!(async {
        let ada = RequestContext::new(Request::of("ada"));
        let bob = RequestContext::new(Request::of("bob"));
        assert_eq!(ada.run(posts(bob)).await, ["bob", "bob"]);
    });
}

#[test]
fn post_25_a_run_that_does_not_suspend_is_inline_on_its_context_and_later_elsewhere_if_that_is_busy()
 {
    #[context_async(Request)]
    async fn dispatched(flag: Arc<AtomicBool>) -> (bool, String) {
        (flag.load(Ordering::SeqCst), context!().user.clone())
    }

    #[context_async(Request)]
    async fn on_the_context(context: RequestContext<Request>) {
        let flag = Arc::new(AtomicBool::new(true));
        let polled = poll_once(pin!(context.run(dispatched(flag.clone()))));
        flag.store(false, Ordering::SeqCst);
        assert_eq!(polled, Poll::Ready((true, "ada".to_owned())));
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        context.run(on_the_context(context.clone())).await;

        let (busy, release) = (Gate::new(), Gate::new());
        let turn = context.scheduler().post({
            let (busy, release) = (busy.clone(), release.clone());
            move |_| {
                busy.open();
                release.wait();
            }
        });
        busy.opened().await;
        let flag = Arc::new(AtomicBool::new(true));
        let mut run = pin!(context.run(dispatched(flag.clone())));
        assert!(poll_once(run.as_mut()).is_pending());
        flag.store(false, Ordering::SeqCst);
        release.open();
        assert_eq!(run.await, (false, "ada".to_owned()));
        turn.await.unwrap();
    });
}

#[test]
fn what_a_closure_returns_comes_through_the_handle() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let mut posted = context.scheduler().post(|request| request.user.len());
        assert!(poll_once(pin!(&mut posted)).is_pending());
        assert_eq!(posted.await.unwrap(), 3);
        assert_eq!(context.run(length()).await, 3);
    });
}

#[context_async(Request)]
async fn length() -> usize {
    context!().user.len()
}

#[test]
fn who_polls_the_handle_last_is_woken_and_no_one_else() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let mut posted = pin!(context.scheduler().post(|request| request.user.len()));
        let wakers = [(); 2].map(|()| CountingWaker::new());
        for counting in [0, 1, 1].map(|i| wakers[i].clone()) {
            let waker = Waker::from(counting);
            let polled = posted.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        context.idle().await.unwrap();
        assert_eq!(wakers.map(|waker| waker.count()), [0, 1]);
        assert_eq!(posted.await.unwrap(), 3);
    });
}

#[test]
fn a_waker_of_the_handle_that_panics_leaves_the_result_and_the_context() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let mut posted = pin!(context.scheduler().post(|request| request.user.len()));
        let waker = PanickingWaker::waker();
        let polled = posted.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let next = context.scheduler().post(|request| request.user.len());
        assert_eq!(next.await.unwrap(), 3);
        assert_eq!(posted.await.unwrap(), 3);
        context.idle().await.unwrap();
    });
}

#[test]
fn a_waker_of_a_handle_that_is_gone_may_panic_when_it_is_dropped() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let mut posted = Box::pin(context.scheduler().post(|request| request.user.len()));
        let waker = DropPanics::waker();
        let polled = posted.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop((waker, posted));
        let next = context.scheduler().post(|request| request.user.len());
        assert_eq!(next.await.unwrap(), 3);
        context.idle().await.unwrap();
    });
}

#[test]
fn a_closure_that_is_aborted_before_its_turn_is_dropped_in_it_unexecuted() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let sees = sees_on_drop(&log);
        let posted = context.scheduler().post(move |_| drop((sees, "ran")));
        posted.abort();
        assert!(log.is_empty(), "dropped by its turn");
        assert!(!posted.is_finished());
        assert!(posted.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["ada"]);

        let posted = context.scheduler().post(|_| ());
        context.idle().await.unwrap();
        assert!(posted.is_finished());
        posted.abort();
        posted.await.unwrap();
    });
}

#[test]
fn a_closure_whose_handle_is_aborted_and_dropped_is_dropped_on_the_context() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let sees = sees_on_drop(&log);
        let posted = context.scheduler().post(move |_| mem::forget(sees));
        posted.abort();
        drop(posted);
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["ada"]);
    });
}

#[test]
fn what_a_closure_returns_to_a_handle_that_is_gone_is_dropped_on_the_context() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        for keeps in [false, true] {
            let returned = log.clone();
            let posted = context.scheduler().post(move |_| sees_on_drop(&returned));
            let kept = keeps.then_some(posted);
            context.idle().await.unwrap();
            drop(kept);
        }
        assert_eq!(log.take(), ["ada", "never"]);
    });
}

#[test]
fn a_flood_runs_in_the_order_in_which_it_was_posted_and_what_wants_to_go_on_comes_after_it() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sees = seen.clone();
        let yields = scheduler.spawn(async move {
            for step in 0..3 {
                sees.lock().unwrap().push(1_000 + step);
                suspend().await;
            }
        });
        for i in 0..300 {
            let sees = seen.clone();
            drop(scheduler.post(move |_| sees.lock().unwrap().push(i)));
        }
        assert_eq!(outstanding(&context), 301);
        context.idle().await.unwrap();
        yields.await.unwrap();
        let expected = [1_000].into_iter().chain(0..300).chain([1_001, 1_002]);
        assert_eq!(*seen.lock().unwrap(), expected.collect::<Vec<_>>());
        assert_eq!(outstanding(&context), 0);
    });
}
