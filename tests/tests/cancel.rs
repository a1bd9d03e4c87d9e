//! `cancel` and the token: work is dropped on its context where it stands, and nothing else changes.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Barrier, Mutex, Weak, atomic::AtomicUsize},
    task::{self, Poll, Wake, Waker},
    thread,
};

use request_context::{
    CurrentContext, Fork, ForkError, JoinHandle, RequestContext, context, context_async,
    context_block, scheduler, spawn_detached,
};
use request_context_tests::{
    Gate, Log, OnDrop, Request, on_one_thread, on_pool, poll_once, seen, sees_on_drop,
    stress_on_pool, suspend,
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Lets what was woken run, and a driver end, which holds its context until then.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

fn assert_cancelled<T: std::fmt::Debug>(joined: Result<T, request_context::JoinError>) {
    let error = joined.unwrap_err();
    assert!(
        error.is_cancelled() && !error.is_closed() && !error.is_panic(),
        "{error}"
    );
}

/// Suspends for ever, and writes down what its destructors see.
#[context_async(Request)]
async fn suspends(log: Log) {
    let _local = sees_on_drop(&log);
    log.push("started");
    pending::<()>().await;
}

#[test]
fn cancelled_work_is_dropped_on_its_context_and_idle_ends() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let handle = context.scheduler().spawn(suspends(log.clone()));
        while log.is_empty() {
            tokio::task::yield_now().await;
        }
        context.cancel();
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["started", "ada"]);
        assert_cancelled(handle.await);
    });
}

#[test]
fn life_14_work_that_is_queued_when_its_context_is_cancelled_never_starts() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let captured = sees_on_drop(&log);
        let queued = context.scheduler().spawn(async move {
            let _captured = captured;
            unreachable!("never polled")
        });
        let posted = context.scheduler().post(|_| unreachable!("never run"));
        context.cancel();
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["ada"]);
        assert_cancelled::<()>(queued.await);
        assert_cancelled::<()>(posted.await);
    });
}

#[test]
fn life_14_closed_work_that_is_queued_is_awaited_where_cancelled_work_is_dropped() {
    on_one_thread!(async {
        let closed = RequestContext::new(Request::of("closed"));
        let both = RequestContext::new(Request::of("both"));
        let awaited = closed.scheduler().post(|request| request.user.clone());
        let dropped = both.scheduler().post(|request| request.user.clone());
        closed.close();
        both.close();
        both.cancel();
        closed.idle().await.unwrap();
        both.idle().await.unwrap();
        assert_eq!(awaited.await.unwrap(), "closed");
        assert_cancelled(dropped.await);
    });
}

#[test]
fn life_09_a_blocking_jobs_waiter_is_dropped_promptly_though_the_job_goes_on() {
    #[context_async(Request)]
    async fn waits_for_a_job(started: Gate, release: Gate) {
        let job = request_context::spawn_blocking_detached(move || {
            started.open();
            release.wait();
        });
        job.await.unwrap();
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let (started, release) = (Gate::new(), Gate::new());
        let work = waits_for_a_job(started.clone(), release.clone());
        let handle = context.scheduler().spawn(work);
        started.opened().await;
        context.close();
        context.cancel();
        // The job still blocks: only the context's own work has ended.
        assert_cancelled(handle.await);
        context.idle().await.unwrap();
        release.open();
    });
}

#[test]
fn err_03_cancelled_is_not_failed_in_any_shape_of_work() {
    async fn shape<T: std::fmt::Debug + Send + 'static>(
        start: impl FnOnce(&RequestContext<Request>) -> JoinHandle<T>,
    ) {
        let context = RequestContext::new(Request::of("ada"));
        let handle = start(&context);
        context.cancel();
        assert_cancelled(handle.await);
        context.idle().await.expect("a cancellation is no panic");
    }

    #[context_async]
    async fn bare() {
        pending().await
    }

    on_one_thread!(async {
        shape(|context| context.scheduler().spawn(suspends(Log::new()))).await;
        shape(|context| context.scheduler().spawn(pending::<()>())).await;
        shape(|context| context.scheduler().post(|request| request.user.clone())).await;
        shape(|context| context.scheduler().into_any().spawn(bare())).await;
    });
}

#[test]
fn what_is_submitted_after_the_cancellation_is_dropped_unexecuted_and_says_cancelled() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        context.cancel();
        let owned = Arc::new(());
        let weak = Arc::downgrade(&owned);
        let posted = context.scheduler().post(move |_| drop(owned));
        assert_eq!(weak.strong_count(), 0, "dropped on the caller, at once");
        assert!(posted.is_finished());
        assert_eq!(posted.context_id(), Some(context.id()));
        assert_cancelled(posted.await);
        assert!(!context.is_closed(), "cancelled is not closed");
        context.close();
        assert_cancelled(context.scheduler().spawn(async {}).await);
        context.idle().await.unwrap();
    });
}

#[test]
fn run_under_a_cancellation_belongs_to_its_caller_and_goes_on() {
    #[context_async(Request)]
    async fn asks(gate: Gate) -> bool {
        let token = CurrentContext::cancellation_token(&context!());
        gate.opened().await;
        context!().increment();
        token.is_cancelled()
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        let mut run = Box::pin(context.run(asks(gate.clone())));
        assert!(poll_once(run.as_mut()).is_pending());
        context.cancel();
        assert!(poll_once(run.as_mut()).is_pending());
        gate.open();
        assert!(run.await, "it can ask");
        assert!(context.run(asks(gate)).await, "and start");
        assert_eq!(
            context
                .run(context_block!(Request, async { context!().count.get() }))
                .await,
            2
        );
    });
}

#[test]
fn a_bare_body_finds_the_token_of_its_context() {
    #[context_async]
    async fn cancels_through_the_token() {
        context!().cancellation_token().cancel();
        pending().await
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let handle = context.scheduler().spawn(cancels_through_the_token());
        assert_cancelled(handle.await);
        assert!(context.cancellation_token().is_cancelled());
        context.idle().await.unwrap();
    });
}

#[test]
fn every_way_to_the_token_leads_to_the_same_one() {
    #[context_async]
    async fn bare() -> CancellationToken {
        context!().cancellation_token()
    }
    #[context_async(Request)]
    async fn of_state() -> CancellationToken {
        CurrentContext::cancellation_token(&context!())
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let token = context.run(bare()).await;
        assert!(token == context.run(of_state()).await);
        assert!(token == context.cancellation_token());
        assert!(token == context.clone().cancellation_token());
        assert!(token != RequestContext::new(()).cancellation_token());
    });
}

#[test]
fn work_that_cancels_its_own_context_goes_on_until_it_suspends() {
    #[context_async(Request)]
    async fn cancels(context: RequestContext<Request>, log: Log, suspends_after: bool) {
        let _local = sees_on_drop(&log);
        suspend().await;
        context.cancel();
        context!().increment();
        log.push(format!("{}", scheduler!().post(|_| ()).await.unwrap_err()));
        if suspends_after {
            suspend().await;
            log.push("went on");
        }
    }

    on_one_thread!(async {
        for suspends_after in [false, true] {
            let context = RequestContext::new(Request::of("ada"));
            let log = Log::new();
            let work = cancels(context.clone(), log.clone(), suspends_after);
            let joined = context.scheduler().spawn(work).await;
            context.idle().await.unwrap();
            let mut refused = log.take();
            assert_eq!(refused.pop().unwrap(), "ada");
            assert!(refused.pop().unwrap().ends_with("was cancelled"));
            assert!(refused.is_empty());
            match suspends_after {
                true => assert_cancelled(joined),
                false => joined.unwrap(),
            }
        }
    });
}

#[test]
fn a_clone_of_the_token_cancels_from_a_thread_that_knows_nothing_of_the_runtime() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let handle = context.scheduler().spawn(suspends(log.clone()));
        let token = context.cancellation_token();
        while log.is_empty() {
            tokio::task::yield_now().await;
        }
        thread::spawn(move || token.cancel()).join().unwrap();
        assert_cancelled(context.scheduler().post(|_| ()).await);
        assert_cancelled(handle.await);
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["started", "ada"]);
    });
}

#[test]
fn a_token_cancelled_within_a_turn_drops_nothing_there_and_then() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let handle = context.scheduler().spawn(suspends(log.clone()));
        settle().await;
        assert_eq!(log.take(), ["started"]);
        let token = context.cancellation_token();
        let then = log.clone();
        context
            .run(async move {
                token.cancel();
                then.push("still in the turn");
            })
            .await;
        assert_cancelled(handle.await);
        assert_eq!(log.take(), ["still in the turn", "ada"]);
    });
}

#[test]
fn a_context_is_cancelled_by_the_token_it_was_built_with_and_cancels_it_not() {
    on_one_thread!(async {
        let server = CancellationToken::new();
        let build = || {
            RequestContext::builder()
                .cancelled_by(&server)
                .build(Request::of("ada"))
                .unwrap()
        };
        let (first, second) = (build(), build());
        let (one, two) = (
            first.scheduler().spawn(pending::<()>()),
            second.scheduler().spawn(pending::<()>()),
        );
        first.cancel();
        assert_cancelled(one.await);
        assert!(!server.is_cancelled() && !second.cancellation_token().is_cancelled());
        server.cancel();
        assert_cancelled(two.await);
        assert_cancelled(build().scheduler().spawn(async {}).await);
        second.idle().await.unwrap();
    });
}

impl ForkableRequest {
    fn of(user: &str) -> Self {
        ForkableRequest(Request::of(user))
    }
}

struct ForkableRequest(Request);

impl Fork for ForkableRequest {
    fn fork(&self) -> Self {
        ForkableRequest::of(&self.0.user)
    }
}

#[context_async(ForkableRequest)]
async fn forks() -> Result<RequestContext<ForkableRequest>, ForkError> {
    scheduler!().fork()
}

#[test]
fn a_cancellation_flows_down_to_forks_and_never_up() {
    on_one_thread!(async {
        let parent = RequestContext::new(ForkableRequest::of("ada"));
        let child = parent.run(forks()).await.unwrap();
        let sibling = parent.run(forks()).await.unwrap();
        let grandchild = child.run(forks()).await.unwrap();
        let work = [&parent, &child, &sibling, &grandchild]
            .map(|context| context.scheduler().spawn(pending::<()>()));
        settle().await;

        child.cancel();
        child.idle().await.unwrap();
        let [of_parent, of_child, of_sibling, of_grandchild] = work;
        assert_cancelled(of_child.await);
        assert_cancelled(of_grandchild.await);
        assert!(!of_parent.is_finished() && !of_sibling.is_finished());
        let refused = child.run(forks()).await.unwrap_err();
        assert_eq!(refused, ForkError::Cancelled(child.id()));
        parent.scheduler().post(|_| ()).await.unwrap();

        parent.cancel();
        parent.idle().await.unwrap();
        assert_cancelled(of_parent.await);
        assert_cancelled(of_sibling.await);
    });
}

#[test]
fn a_cancellation_reaches_a_fork_whose_parent_is_gone() {
    on_one_thread!(async {
        let server = CancellationToken::new();
        let parent = RequestContext::builder()
            .cancelled_by(&server)
            .build(ForkableRequest::of("ada"))
            .unwrap();
        let child = parent.run(forks()).await.unwrap();
        drop(parent);
        let handle = child.scheduler().spawn(pending::<()>());
        settle().await;
        server.cancel();
        assert_cancelled(handle.await);
    });
}

#[test]
fn a_destructor_that_panics_while_it_is_cancelled_is_reported_once_and_stops_nobody() {
    on_one_thread!(async {
        let log = Log::new();
        let told = log.clone();
        let context = RequestContext::builder()
            .on_panic(move |panic| told.push(panic.message()))
            .build(Request::of("ada"))
            .unwrap();
        let scheduler = context.scheduler();
        let fails = scheduler.spawn(async {
            let _local = OnDrop::new(|| panic!("in drop"));
            pending::<()>().await
        });
        let other = scheduler.spawn(suspends(log.clone()));
        settle().await;
        log.take();
        context.cancel();
        let panicked = context.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["in drop"]);
        assert_eq!(log.take(), ["in drop", "ada"]);
        assert_cancelled(fails.await);
        assert_cancelled(other.await);
    });
}

#[test]
fn detached_work_is_not_cancelled_with_the_context_that_started_it() {
    #[context_async(Request)]
    async fn starts(gate: Gate) -> JoinHandle<String> {
        spawn_detached(async move {
            gate.opened().await;
            seen()
        })
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        let detached = context.run(starts(gate.clone())).await;
        context.cancel();
        context.idle().await.unwrap();
        gate.open();
        assert_eq!(detached.await.unwrap(), "detached");
    });
}

#[test]
fn work_that_is_cancelled_in_a_detached_part_hides_the_context_from_its_drops() {
    #[context_async(Request)]
    async fn suspends_detached(outside: Log, inside: Log) {
        let _outside = sees_on_drop(&outside);
        #[request_context::detached]
        {
            let _inside = sees_on_drop(&inside);
            pending::<()>().await;
        }
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (outside, inside) = (Log::new(), Log::new());
        let work = suspends_detached(outside.clone(), inside.clone());
        let handle = context.scheduler().spawn(work);
        settle().await;
        context.cancel();
        assert_cancelled(handle.await);
        assert_eq!(outside.take(), ["ada"]);
        assert_eq!(inside.take(), ["detached"]);
    });
}

#[test]
fn work_of_a_concurrent_context_is_cancelled_as_well() {
    on_pool!(2, async {
        let context = RequestContext::concurrent(AtomicUsize::new(0));
        let work: Vec<_> = (0..20)
            .map(|_| context.scheduler().spawn(pending::<()>()))
            .collect();
        context.cancel();
        context.idle().await.unwrap();
        for handle in work {
            assert_cancelled(handle.await);
        }
    });
}

// ------------------------------------------------------------ who can still cancel

/// Where work leaves its waker.
type Kept = Arc<Mutex<Option<Waker>>>;

/// Suspends until its waker, which it leaves, is woken.
fn left_waker(kept: &Kept) -> impl Future<Output = ()> + Send + use<> {
    let kept = kept.clone();
    let mut polled = false;
    std::future::poll_fn(move |cx| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        *kept.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    })
}

fn wake(kept: &Kept) {
    let waker = kept.lock().unwrap().take().unwrap();
    waker.wake();
}

#[test]
fn work_that_asks_for_the_token_when_all_owners_are_gone_can_be_cancelled_by_it() {
    #[context_async(Request)]
    async fn asks_late(kept: Kept, token: Arc<Mutex<Option<CancellationToken>>>, log: Log) {
        let _local = sees_on_drop(&log);
        left_waker(&kept).await;
        *token.lock().unwrap() = Some(CurrentContext::cancellation_token(&context!()));
        pending::<()>().await;
    }

    on_one_thread!(async {
        let (kept, token, log) = (Kept::default(), Arc::default(), Log::new());
        let context = RequestContext::new(Request::of("ada"));
        let work = asks_late(kept.clone(), Arc::clone(&token), log.clone());
        let handle = context.scheduler().spawn(work);
        settle().await;
        drop(context);
        wake(&kept);
        settle().await;
        let token = token.lock().unwrap().take().unwrap();
        token.cancel();
        assert_cancelled(handle.await);
        assert_eq!(log.take(), ["ada"]);
    });
}

#[test]
fn work_that_suspended_before_the_owners_went_takes_nobodys_place_when_it_ends() {
    #[context_async(Request)]
    async fn asks_and_ends(kept: Kept, token: Arc<Mutex<Option<CancellationToken>>>) {
        left_waker(&kept).await;
        *token.lock().unwrap() = Some(CurrentContext::cancellation_token(&context!()));
        drop(scheduler!().spawn(async { suspend().await }));
        left_waker(&kept).await;
    }

    on_one_thread!(async {
        let (kept, token, log) = (Kept::default(), Arc::default(), Log::new());
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let first = scheduler.spawn(asks_and_ends(kept.clone(), Arc::clone(&token)));
        settle().await;
        drop(context);
        wake(&kept);
        settle().await;
        // Now there is a token, and this can be cancelled.
        let second = scheduler.spawn(suspends(log.clone()));
        settle().await;
        wake(&kept);
        first.await.unwrap();
        token.lock().unwrap().take().unwrap().cancel();
        assert_cancelled(second.await);
        assert_eq!(log.take(), ["started", "ada"]);
    });
}

#[test]
fn a_fork_that_fails_leaves_nobody_who_could_cancel() {
    struct Unforkable;
    impl Fork for Unforkable {
        fn fork(&self) -> Self {
            panic!("no fork")
        }
    }

    on_one_thread!(async {
        let context = RequestContext::new(Unforkable);
        let (captured, alive) = held();
        drop(context.scheduler().spawn(async move {
            let _captured = captured;
            pending::<()>().await
        }));
        settle().await;
        let scheduler = context.scheduler();
        assert!(scheduler.fork().is_err(), "this is off the context");
        let own = scheduler.clone();
        let panics = scheduler.post(move |_| drop(own.fork()));
        assert!(panics.await.unwrap_err().is_panic());
        drop((context, scheduler));
        settle().await;
        assert_eq!(alive.strong_count(), 0);
    });
}

#[test]
fn work_that_nobody_can_wake_or_cancel_any_more_is_dropped_with_the_last_owner() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (clone, log) = (context.clone(), Log::new());
        drop(context.scheduler().spawn(suspends(log.clone())));
        settle().await;
        drop(context);
        settle().await;
        assert_eq!(log.take(), ["started"]);
        drop(clone);
        settle().await;
        assert_eq!(log.take(), ["ada"]);
    });
}

#[test]
fn a_cancelled_post_whose_closure_panics_as_it_is_dropped_ends_alone() {
    on_one_thread!(async {
        let (context, log) = (RequestContext::new(Request::of("ada")), Log::new());
        let bomb = OnDrop::new(|| panic!("dropped"));
        let cancelled = context.scheduler().post(move |_| drop(bomb));
        let sees = sees_on_drop(&log);
        let other = context.scheduler().post(move |_| drop(sees));
        context.cancel();
        let panicked = context.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["dropped"]);
        assert_cancelled(cancelled.await);
        assert_cancelled(other.await);
        assert_eq!(log.take(), ["ada"]);
    });
}

/// A fork of `context`, with work that only a cancellation could end.
async fn fork_with_suspended_work(
    context: &RequestContext<Forked>,
) -> (RequestContext<Forked>, Weak<()>) {
    let scheduler = context.scheduler();
    let forked = context.run(async move { scheduler.fork().unwrap() }).await;
    let (captured, alive) = held();
    drop(forked.scheduler().spawn(async move {
        let _captured = captured;
        pending::<()>().await
    }));
    settle().await;
    (forked, alive)
}

struct Forked;

impl Fork for Forked {
    fn fork(&self) -> Self {
        Forked
    }
}

#[test]
fn work_of_a_fork_is_dropped_once_neither_the_fork_nor_any_it_came_from_can_cancel_it() {
    on_one_thread!(async {
        let context = RequestContext::new(Forked);
        let (child, of_child) = fork_with_suspended_work(&context).await;
        let (grandchild, of_grandchild) = fork_with_suspended_work(&child).await;
        drop(child);
        settle().await;
        assert_eq!(of_child.strong_count(), 1, "its parent can cancel it");
        drop(grandchild);
        settle().await;
        assert_eq!(of_grandchild.strong_count(), 1, "its grandparent can");
        drop(context);
        settle().await;
        assert_eq!(of_child.strong_count(), 0);
        assert_eq!(of_grandchild.strong_count(), 0);
    });
}

#[test]
fn work_of_a_parent_whose_fork_lives_is_dropped_with_the_parents_last_owner() {
    on_one_thread!(async {
        let context = RequestContext::new(Forked);
        let (captured, alive) = held();
        drop(context.scheduler().spawn(async move {
            let _captured = captured;
            pending::<()>().await
        }));
        let (_child, of_child) = fork_with_suspended_work(&context).await;
        drop(context);
        settle().await;
        assert_eq!(alive.strong_count(), 0, "a fork cancels nothing above it");
        assert_eq!(of_child.strong_count(), 1);
    });
}

#[test]
fn a_token_that_a_parent_gave_away_before_it_was_gone_reaches_the_work_of_its_forks() {
    on_one_thread!(async {
        for before_the_fork in [true, false] {
            let context = RequestContext::new(Forked);
            let early = before_the_fork.then(|| context.cancellation_token());
            let (child, alive) = fork_with_suspended_work(&context).await;
            let token = early.unwrap_or_else(|| context.cancellation_token());
            drop((context, child));
            settle().await;
            assert_eq!(alive.strong_count(), 1);
            token.cancel();
            settle().await;
            assert_eq!(alive.strong_count(), 0);
        }
    });
}

#[test]
fn a_token_above_a_parent_reaches_the_work_of_its_forks_when_all_handles_are_gone() {
    on_one_thread!(async {
        let server = CancellationToken::new();
        let context = RequestContext::builder().cancelled_by(&server);
        let context = context.build(Forked).unwrap();
        let (child, alive) = fork_with_suspended_work(&context).await;
        drop((context, child));
        settle().await;
        assert_eq!(alive.strong_count(), 1);
        server.cancel();
        settle().await;
        assert_eq!(alive.strong_count(), 0);
    });
}

// ------------------------------------------------------------ races

/// Blocks whoever wakes it until it may go on.
struct Blocks {
    woken: Gate,
    go_on: Gate,
}

impl Wake for Blocks {
    fn wake(self: Arc<Self>) {
        self.woken.open();
        self.go_on.wait();
    }
}

#[test]
fn cancel_is_done_when_it_returns_though_another_thread_has_begun_it_before() {
    on_pool!(2, async {
        let server = CancellationToken::new();
        let blocks = Arc::new(Blocks {
            woken: Gate::new(),
            go_on: Gate::new(),
        });
        let sibling = || {
            let mut waits = Box::pin(server.child_token().cancelled_owned());
            let waker = Waker::from(blocks.clone());
            let polled = waits.as_mut().poll(&mut task::Context::from_waker(&waker));
            assert!(polled.is_pending());
            waits
        };
        // Of these three, one that blocks is told before the context.
        let _first = sibling();
        let context = RequestContext::builder()
            .cancelled_by(&server)
            .build(Request::of("ada"))
            .unwrap();
        let _second = sibling();
        let suspended = context.scheduler().spawn(pending::<()>());

        let canceller = thread::spawn(move || server.cancel());
        blocks.woken.opened().await;
        context.cancel();
        assert_cancelled(context.scheduler().post(|_| ()).await);
        assert_cancelled(suspended.await);
        blocks.go_on.open();
        canceller.join().unwrap();
    });
}

#[test]
fn work_that_suspends_after_the_cancellation_has_looked_for_it_is_dropped() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let token = context.cancellation_token();
        let runtime = Handle::current();
        let handle = context.scheduler().spawn(async move {
            let looked = Gate::new();
            let behind = looked.clone();
            // From a thread of no runtime, so that both go to the other worker, one after the other.
            let canceller = thread::spawn(move || {
                token.cancel();
                drop(runtime.spawn(async move { behind.open() }));
            });
            canceller.join().unwrap();
            looked.wait();
            pending::<()>().await
        });
        assert_cancelled(handle.await);
    });
}

/// Many contexts with work, each cancelled by two at once; nothing may be left.
#[test]
fn cancellations_that_race_each_other_leave_no_work_behind() {
    stress_on_pool!(4, async {
        for round in 0..2_000 {
            let context = RequestContext::new(Request::of("ada"));
            let token = context.cancellation_token();
            let handles = [(); 3].map(|()| {
                context.scheduler().spawn(async {
                    suspend().await;
                    pending::<()>().await
                })
            });
            let barrier = Arc::new(Barrier::new(2));
            let at_once = barrier.clone();
            let other = tokio::task::spawn_blocking(move || {
                at_once.wait();
                token.cancel();
            });
            barrier.wait();
            context.cancel();
            let late = context.scheduler().post(|_| ());
            assert!(late.is_finished(), "round {round}: `cancel` has returned");
            assert_cancelled(late.await);
            context.idle().await.unwrap();
            for handle in handles {
                assert_cancelled(handle.await);
            }
            other.await.unwrap();
        }
    });
}

#[test]
fn work_that_suspends_while_it_is_cancelled_is_dropped() {
    stress_on_pool!(4, async {
        for round in 0..2_000 {
            let context = RequestContext::new(Request::of("ada"));
            let handles = [(); 4].map(|()| {
                context.scheduler().spawn(async move {
                    for _ in 0..round % 8 {
                        suspend().await;
                    }
                    pending::<()>().await
                })
            });
            let token = context.cancellation_token();
            let other = thread::spawn(move || token.cancel());
            for handle in handles {
                assert_cancelled(handle.await);
            }
            context.idle().await.unwrap();
            other.join().unwrap();
        }
    });
}

#[test]
fn close_and_cancel_at_once_resolve_every_handle() {
    stress_on_pool!(4, async {
        for _ in 0..500 {
            let context = RequestContext::new(Request::of("ada"));
            let scheduler = context.scheduler();
            let poster = tokio::spawn(async move {
                let mut handles = Vec::new();
                for _ in 0..50 {
                    handles.push(scheduler.post(Request::increment));
                }
                handles
            });
            let closing = context.clone();
            let closer = thread::spawn(move || closing.close());
            context.cancel();
            for handle in poster.await.unwrap() {
                match handle.await {
                    Ok(()) => {}
                    Err(error) => assert!(error.is_closed() || error.is_cancelled(), "{error}"),
                }
            }
            closer.join().unwrap();
            context.idle().await.unwrap();
        }
    });
}

// ------------------------------------------------------------ leaks

struct Held {
    _alive: Arc<()>,
}

fn held() -> (Held, Weak<()>) {
    let alive = Arc::new(());
    let weak = Arc::downgrade(&alive);
    (Held { _alive: alive }, weak)
}

#[test]
fn life_07_a_process_lifetime_token_keeps_nothing_of_a_request() {
    on_one_thread!(async {
        let process = CancellationToken::new();
        for cancelled in [false, true] {
            let (state, alive) = held();
            let context = RequestContext::builder()
                .cancelled_by(&process)
                .build(state)
                .unwrap();
            let registered = context.cancellation_token();
            let (captured, work_alive) = held();
            let handle = context.scheduler().spawn(async move {
                let _captured = captured;
                if cancelled {
                    pending::<()>().await;
                }
            });
            settle().await;
            if cancelled {
                context.cancel();
            }
            context.idle().await.unwrap();
            settle().await;
            drop((context, handle));
            assert_eq!(alive.strong_count(), 0);
            assert_eq!(work_alive.strong_count(), 0);
            // Not even a clone of its token does.
            drop(registered);
        }
        assert!(!process.is_cancelled());
    });
}

#[test]
fn life_07_a_callback_on_a_process_lifetime_token_does_not_keep_the_request() {
    #[context_async(Held)]
    async fn registers(process: CancellationToken, called: Log) {
        drop(spawn_detached(async move {
            process.cancelled().await;
            called.push("called");
        }));
    }

    on_one_thread!(async {
        let process = CancellationToken::new();
        let (state, alive) = held();
        let context = RequestContext::new(state);
        let called = Log::new();
        context
            .run(registers(process.clone(), called.clone()))
            .await;
        drop(context);
        settle().await;
        assert_eq!(alive.strong_count(), 0);
        process.cancel();
        settle().await;
        assert_eq!(called.take(), ["called"], "the registration lived on");
    });
}

#[test]
fn life_05_a_long_lived_task_keeps_nothing_of_the_request_that_started_it() {
    #[context_async(Held)]
    async fn starts(until: Gate) -> JoinHandle<()> {
        let token = CurrentContext::cancellation_token(&context!());
        spawn_detached(async move {
            until.opened().await;
            assert!(!token.is_cancelled(), "the request has just ended");
        })
    }

    on_one_thread!(async {
        let (state, alive) = held();
        let until = Gate::new();
        let context = RequestContext::new(state);
        let task = context.run(starts(until.clone())).await;
        drop(context);
        settle().await;
        assert_eq!(alive.strong_count(), 0);
        until.open();
        task.await.unwrap();
    });
}

#[test]
fn life_05_a_hundred_thousand_contexts_of_a_cancelled_token_are_all_gone() {
    on_one_thread!(async {
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        let alive = Arc::new(());
        for _ in 0..100_000 {
            let context = RequestContext::builder()
                .cancelled_by(&cancelled)
                .build(Held {
                    _alive: alive.clone(),
                })
                .unwrap();
            assert!(context.scheduler().post(|_| ()).is_finished());
            drop(context);
        }
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn work_that_ends_leaves_no_waker_with_a_cancellation_that_may_come() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        let suspended = |count| format!("{context:?}").contains(&format!("suspended: {count}"));
        let works: Vec<_> = (0..100)
            .map(|_| context.scheduler().spawn(gate.opened()))
            .collect();
        let aborted = context.scheduler().spawn(pending::<()>());
        assert!(suspended(0));
        while !suspended(101) {
            tokio::task::yield_now().await;
        }
        gate.open();
        for work in works {
            work.await.unwrap();
        }
        assert!(suspended(1), "{context:?}");
        aborted.abort();
        assert_cancelled(aborted.await);
        assert!(suspended(0), "{context:?}");
    });
}

#[test]
fn a_send_under_a_cancellation_is_its_callers_as_a_run_is() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        context.cancel();
        assert_eq!(
            context
                .scheduler()
                .blocking_send(|request| request.user.len()),
            Ok(3)
        );
    });
}

#[test]
fn a_token_outlives_its_context_and_does_nothing_then() {
    on_one_thread!(async {
        let (state, alive) = held();
        let context = RequestContext::new(state);
        let token = context.cancellation_token();
        drop(context);
        assert_eq!(alive.strong_count(), 0);
        token.cancel();
        settle().await;
        assert!(token.is_cancelled());
    });
}

#[test]
fn debug_says_whether_a_context_is_cancelled() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        assert!(format!("{context:?}").contains("cancelled: false"));
        context.cancel();
        assert!(format!("{context:?}").contains("cancelled: true"));
    });
}

#[test]
fn a_waiting_run_is_not_disturbed_when_the_turns_holder_is_cancelled() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let handle = context.scheduler().spawn(suspends(log.clone()));
        settle().await;
        let mut run: Pin<Box<dyn Future<Output = String>>> =
            Box::pin(context.run(async { seen() }));
        context.cancel();
        assert_eq!(run.as_mut().await, "ada");
        assert_cancelled(handle.await);
    });
}
