//! Who owns spawned work: its turn, its handle and its wakers, wherever each of them is dropped.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use request_context::{ContextThread, JoinHandle, RequestContext};
use request_context_tests::{
    EventLoop, LONG_PATIENCE, Log, OnDrop, Request, on_one_thread, one_thread, outstanding,
    sees_on_drop, stress_on_pool, suspend, watchdog, watchdog_of,
};
use tokio::task::yield_now;

type Kept = Arc<Mutex<Option<Waker>>>;

async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

/// Suspends for ever, and leaves its waker.
async fn leaves_its_waker(kept: Kept) {
    poll_fn(|cx| {
        *kept.lock().unwrap() = Some(cx.waker().clone());
        Poll::<()>::Pending
    })
    .await;
}

/// Panics when it is dropped, unless this thread panics already.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("{}", self.0);
        }
    }
}

/// Ready at once with a bomb, and one itself.
struct ResultsInABomb(#[expect(dead_code, reason = "for its drop")] Bomb);

impl Future for ResultsInABomb {
    type Output = Bomb;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Bomb> {
        Poll::Ready(Bomb("the result's"))
    }
}

#[test]
fn work_whose_future_and_result_both_panic_as_they_are_dropped_ends_alone() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let work = scheduler.spawn(ResultsInABomb(Bomb("the future's")));
        let neighbour = scheduler.spawn(async { 3 });
        let posted = scheduler.post(|_| 4);
        assert_eq!(neighbour.await.unwrap(), 3);
        assert_eq!(posted.await.unwrap(), 4);
        let error = work.await.err().unwrap();
        assert_eq!(error.to_string().split('`').nth(1), Some("the future's"));
        context.idle().await.unwrap();
        assert_eq!(outstanding(&context), 0);
    });
}

#[test]
fn in_parallel_too_work_whose_future_and_result_both_panic_ends_alone() {
    on_one_thread!(async {
        let context = RequestContext::concurrent(());
        let work = context
            .scheduler()
            .spawn(ResultsInABomb(Bomb("the future's")));
        assert!(work.await.err().unwrap().is_panic());
        context.idle().await.unwrap();
    });
}

#[test]
fn work_that_gives_up_its_last_owners_in_its_own_poll_is_dropped_after_it_on_its_context() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        drop(context);
        let log = Log::new();
        let handle = Arc::new(Mutex::new(None::<JoinHandle<()>>));
        let (own, logged, sees) = (handle.clone(), log.clone(), sees_on_drop(&log));
        let work = scheduler.spawn(async move {
            let _sees = sees;
            poll_fn(|cx| {
                let waker = cx.waker().clone();
                drop(own.lock().unwrap().take());
                drop(waker);
                logged.push("still there");
                Poll::<()>::Pending
            })
            .await;
        });
        *handle.lock().unwrap() = Some(work);
        settle().await;
        assert_eq!(log.take(), ["still there", "ada"]);
        assert_eq!(Arc::strong_count(&handle), 1);
    });
}

#[test]
fn work_that_wakes_itself_and_gives_up_all_else_of_itself_is_polled_again() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        drop(context);
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = polls.clone();
        drop(scheduler.spawn(poll_fn(move |cx| {
            match counted.fetch_add(1, Ordering::Relaxed) {
                0 => {
                    let waker = cx.waker().clone();
                    cx.waker().wake_by_ref();
                    drop(waker);
                }
                1 => {
                    let waker = cx.waker().clone();
                    thread::spawn(move || waker.wake()).join().unwrap();
                }
                _ => {}
            }
            Poll::<()>::Pending
        })));
        settle().await;
        assert_eq!(polls.load(Ordering::Relaxed), 3);
        assert_eq!(Arc::strong_count(&polls), 1);
    });
}

#[test]
fn the_last_owner_that_goes_in_other_works_turn_drops_nothing_there() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        drop(context);
        let (kept, log) = (Kept::default(), Log::new());
        let (leaves, sees) = (leaves_its_waker(kept.clone()), sees_on_drop(&log));
        drop(scheduler.spawn(async move {
            let _sees = sees;
            leaves.await;
        }));
        settle().await;
        let logged = log.clone();
        let other = scheduler.spawn(async move {
            logged.push("before");
            drop(kept.lock().unwrap().take());
            logged.push("after");
        });
        other.await.unwrap();
        settle().await;
        assert_eq!(log.take(), ["before", "after", "ada"]);
    });
}

#[test]
fn posts_behind_spawned_work_run_when_nothing_but_that_work_owned_the_context() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        drop(context);
        scheduler.spawn(async {}).await.unwrap();
        settle().await;
        // The driver is parked. The work wakes it, and ends before the posts have their turns.
        let log = Log::new();
        drop(scheduler.spawn(async {}));
        let posts = [1, 2].map(|_| {
            let log = log.clone();
            scheduler.post(move |request| log.push(request.user.clone()))
        });
        drop(scheduler);
        for post in posts {
            post.await.unwrap();
        }
        assert_eq!(log.take(), ["ada", "ada"]);
    });
}

/// How often work of one loop's context is polled that runs, in its first poll, work of another context of
/// the loop, which does this with its waker.
fn polls_around_a_nested_loop(within: fn(&Waker), before: fn(&Waker), after: fn(&Waker)) -> usize {
    thread_local!(static NESTED: RefCell<Option<EventLoop>> = const { RefCell::new(None) });

    watchdog(move || {
        let (to_outer, outer) = EventLoop::new();
        let (to_nested, nested) = EventLoop::new();
        NESTED.set(Some(nested));
        let first = ContextThread::on_loop(to_outer, ());
        let second = ContextThread::on_loop(to_nested, ());
        let (in_nested, polls) = (second.scheduler(), Arc::new(AtomicUsize::new(0)));
        let counted = polls.clone();
        let work = first.scheduler().spawn(poll_fn(move |cx| {
            if counted.fetch_add(1, Ordering::Relaxed) != 0 {
                return Poll::Ready(());
            }
            before(cx.waker());
            let waker = cx.waker().clone();
            let mut turns = 0;
            let inner = in_nested.spawn(poll_fn(move |inner| {
                turns += 1;
                within(&waker);
                if turns == 3 {
                    return Poll::Ready(());
                }
                inner.waker().wake_by_ref();
                Poll::Pending
            }));
            NESTED.with_borrow(|nested| {
                nested.as_ref().unwrap().run_until(|| inner.is_finished());
            });
            after(cx.waker());
            Poll::Pending
        }));
        outer.run_ready();
        let polls = polls.load(Ordering::Relaxed);
        work.abort();
        outer.run_ready();
        assert!(work.is_finished());
        NESTED.set(None);
        drop((first, second));
        polls
    })
}

#[test]
fn a_wake_around_or_within_a_nested_loop_in_a_poll_is_one_more_poll() {
    fn wakes(waker: &Waker) {
        waker.wake_by_ref();
    }
    fn nothing(_: &Waker) {}

    assert_eq!(polls_around_a_nested_loop(nothing, nothing, nothing), 1);
    assert_eq!(polls_around_a_nested_loop(wakes, nothing, nothing), 2);
    assert_eq!(polls_around_a_nested_loop(nothing, wakes, nothing), 2);
    assert_eq!(polls_around_a_nested_loop(nothing, nothing, wakes), 2);
    assert_eq!(polls_around_a_nested_loop(wakes, wakes, wakes), 2);
}

#[test]
fn a_waker_that_a_thread_keeps_to_its_end_wakes_or_ends_its_work() {
    struct AtEnd(Cell<Option<Waker>>, bool);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            let waker = self.0.take();
            match self.1 {
                true => waker.into_iter().for_each(Waker::wake),
                false => drop(waker),
            }
        }
    }
    thread_local!(static KEPT: RefCell<Vec<AtEnd>> = const { RefCell::new(Vec::new()) });

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        drop(context);
        for wakes in [true, false] {
            let (kept, log) = (Kept::default(), Log::new());
            let (keeps, logged, sees) = (kept.clone(), log.clone(), sees_on_drop(&log));
            drop(scheduler.spawn(async move {
                let _sees = sees;
                let mut is_woken = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut is_woken, true) {
                        logged.push("woken");
                        return Poll::Ready(());
                    }
                    *keeps.lock().unwrap() = Some(cx.waker().clone());
                    Poll::Pending
                })
                .await;
            }));
            settle().await;
            let waker = kept.lock().unwrap().take();
            let keeper = thread::spawn(move || {
                KEPT.with_borrow_mut(|all| all.push(AtEnd(Cell::new(waker), wakes)));
            });
            keeper.join().unwrap();
            settle().await;
            let expected: &[&str] = if wakes { &["woken", "ada"] } else { &["ada"] };
            assert_eq!(log.take(), expected);
        }
    });
}

/// A chain of work that is suspended for ever, each the only owner of the next.
fn chain<S: Send + 'static>(
    context: RequestContext<S>,
    length: usize,
    ended: &Arc<AtomicUsize>,
) -> JoinHandle<()> {
    let scheduler = context.scheduler();
    drop(context);
    let mut next = None;
    for _ in 0..length {
        let (owned, ended) = (next.take(), ended.clone());
        next = Some(scheduler.spawn(async move {
            let _ended = OnDrop::new(move || {
                ended.fetch_add(1, Ordering::Relaxed);
            });
            let _owned = owned;
            pending::<()>().await;
        }));
    }
    next.unwrap()
}

#[test]
fn a_long_chain_of_work_that_each_owns_the_next_ends_without_recursion() {
    const LENGTH: usize = 50_000;

    let cases = [(false, false), (false, true), (true, false), (true, true)];
    for (is_concurrent, is_shut_down) in cases {
        watchdog_of(LONG_PATIENCE, move || {
            let runtime = one_thread!();
            let ended = Arc::new(AtomicUsize::new(0));
            let entered = runtime.enter();
            let first = match is_concurrent {
                true => chain(RequestContext::concurrent(()), LENGTH, &ended),
                false => chain(RequestContext::new(Cell::new(0)), LENGTH, &ended),
            };
            drop(entered);
            let all = || async {
                for _ in 0..LENGTH {
                    yield_now().await;
                }
            };
            runtime.block_on(all());
            if is_shut_down {
                drop(runtime);
                drop(first);
            } else {
                drop(first);
                runtime.block_on(all());
            }
            assert_eq!(ended.load(Ordering::Relaxed), LENGTH);
        });
    }
}

#[test]
fn aborts_wakes_and_drops_of_handles_at_once_leave_nothing_outstanding() {
    stress_on_pool!(2, async {
        const ROUNDS: usize = 2_000;

        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let ended = Arc::new(AtomicUsize::new(0));
        for round in 0..ROUNDS {
            let (kept, counted) = (Kept::default(), ended.clone());
            let leaves = leaves_its_waker(kept.clone());
            let ended = OnDrop::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
            });
            let work = scheduler.spawn(async move {
                let _ended = ended;
                if round % 2 == 0 {
                    suspend().await;
                }
                leaves.await;
            });
            let waking = tokio::spawn(async move {
                for _ in 0..3 {
                    if let Some(waker) = kept.lock().unwrap().take() {
                        waker.wake();
                    }
                    yield_now().await;
                }
            });
            if round % 3 == 0 {
                yield_now().await;
            }
            work.abort();
            if round % 5 == 0 {
                drop(work);
            } else {
                assert!(work.await.unwrap_err().is_cancelled());
            }
            waking.await.unwrap();
        }
        context.idle().await.unwrap();
        assert_eq!(ended.load(Ordering::Relaxed), ROUNDS);
    });
}

#[test]
fn a_handle_that_its_own_waker_drops_drops_the_result_once_and_ends_nothing_else() {
    type Result = OnDrop<Box<dyn FnOnce() + Send>>;
    struct DropsIt(Mutex<Option<JoinHandle<Result>>>);
    impl Wake for DropsIt {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
        }
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let logged = log.clone();
        let result: Result = OnDrop::new(Box::new(move || logged.push("dropped")));
        let mut work = context.scheduler().spawn(async move { result });
        let waits = Arc::new(DropsIt(Mutex::new(None)));
        let waker = Waker::from(waits.clone());
        let polled = Pin::new(&mut work).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        *waits.0.lock().unwrap() = Some(work);
        assert_eq!(context.scheduler().spawn(async { 3 }).await.unwrap(), 3);
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["dropped"]);
    });
}

#[test]
fn a_state_that_goes_with_a_wake_after_the_shutdown_keeps_its_panic_from_who_wakes() {
    for wakes in [true, false] {
        watchdog(move || {
            let (runtime, kept) = (one_thread!(), Kept::default());
            let leaves = leaves_its_waker(kept.clone());
            let entered = runtime.enter();
            let scheduler = RequestContext::new(Bomb("the state's")).scheduler();
            let work = scheduler.spawn(leaves);
            drop((scheduler, entered));
            runtime.block_on(settle());
            drop(runtime);
            let waker = kept.lock().unwrap().take().unwrap();
            if wakes {
                waker.wake();
                assert!(work.is_finished());
            } else {
                drop(work);
                drop(waker);
            }
        });
    }
}
