//! Sync code that blocks on a context from outside, what goes on meanwhile, and cycles that are refused.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Barrier, mpsc},
    thread,
    time::Duration,
};

use request_context::{
    JoinError, JoinHandle, RequestContext, Scheduler, SendError, context, context_async, scheduler,
    spawn_blocking_detached,
};
use request_context_tests::{
    Gate, Log, Request, block_on, caught, context_on, on_one_thread, on_pool, one_thread,
    poll_once, pool, seen, suspend, until_called, watchdog,
};

#[context_async(Request)]
async fn child() -> u32 {
    suspend().await;
    context!().increment();
    context!().count.get()
}

#[context_async(Request)]
async fn waits_for_a_child() -> u32 {
    scheduler!().spawn(child()).await.unwrap()
}

#[test]
fn blk_01_who_blocks_on_a_context_gets_it_though_its_work_starts_children_on_it() {
    watchdog(|| {
        let runtime = pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        assert_eq!(block_on(context.run(waits_for_a_child())), 1);
    });
    watchdog(|| {
        // Who blocks is also the only one who runs the children.
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        assert_eq!(runtime.block_on(context.run(waits_for_a_child())), 1);
    });
}

#[test]
fn blk_02_unrelated_work_of_the_context_does_not_run_inside_a_turn_that_blocks() {
    #[context_async(Request)]
    async fn blocks(context: RequestContext<Request>, log: Log, io: Gate) {
        let block = || {
            log.push("blocking begins");
            drop(context.scheduler().post({
                let log = log.clone();
                move |_| log.push("unrelated")
            }));
            // The driver that would run it is there, and waits for this turn.
            until_called(&context);
            block_on(io.opened());
            log.push("blocking ends");
        };
        block();
        context!().increment();
    }

    watchdog(|| {
        let runtime = pool!(2);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let (log, io) = (Log::new(), Gate::new());
        io.open();
        block_on(context.run(blocks(context.clone(), log.clone(), io)));
        block_on(context.idle()).unwrap();
        assert_eq!(
            log.take(),
            ["blocking begins", "blocking ends", "unrelated"]
        );
    });
}

#[test]
fn blk_05_what_is_visible_after_blocking_on_a_context_is_what_was_before() {
    #[context_async(Request)]
    async fn yields() -> String {
        suspend().await;
        context!().user.clone()
    }

    #[context_async(Request)]
    async fn blocks(other: RequestContext<Request>) {
        let block = || block_on(other.run(yields()));
        assert_eq!(block(), "bob");
        assert_eq!(seen(), context!().user);
    }

    watchdog(|| {
        let runtime = one_thread!();
        let [ada, bob] = ["ada", "bob"].map(|user| context_on(runtime.enter(), Request::of(user)));
        assert_eq!(block_on(bob.run(yields())), "bob");
        assert_eq!(seen(), "never");
        block_on(ada.run(blocks(bob)));
        assert_eq!(seen(), "never");
    });
}

#[test]
fn blk_06_blocking_on_a_context_needs_no_worker_of_the_pool() {
    #[context_async(Request)]
    async fn yields(times: u32) -> u32 {
        for _ in 0..times {
            context!().increment();
            suspend().await;
        }
        context!().count.get()
    }

    watchdog(|| {
        let runtime = pool!(2);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let (starved, release) = (Arc::new(Barrier::new(3)), Gate::new());
        let workers = [(); 2].map(|()| {
            let (starved, release) = (starved.clone(), release.clone());
            runtime.spawn(async move {
                starved.wait();
                release.wait();
            })
        });
        starved.wait();
        assert_eq!(block_on(context.run(yields(100))), 100);
        release.open();
        for worker in workers {
            runtime.block_on(worker).unwrap();
        }
    });
}

/// Code that is not async, and that no attribute looks into.
fn sync_code<T>(handle: JoinHandle<T>) -> Result<T, JoinError> {
    handle.blocking_join()
}

#[test]
fn blk_07_turns_that_all_block_on_their_contexts_queue_are_refused_each() {
    #[context_async(())]
    async fn blocks(all: Arc<Barrier>) -> JoinError {
        // All turns that there can be at once.
        all.wait();
        sync_code(scheduler!().spawn(async {})).unwrap_err()
    }

    for turns in [1, 2] {
        on_pool!(turns, async move {
            let context = if turns == 1 {
                RequestContext::new(())
            } else {
                RequestContext::concurrent(())
            };
            let all = Arc::new(Barrier::new(turns));
            let blocked: Vec<_> = (0..turns)
                .map(|_| context.scheduler().spawn(blocks(all.clone())))
                .collect();
            for blocked in blocked {
                let error = blocked.await.unwrap();
                assert!(error.is_deadlock());
                let context = context.id().to_string();
                assert!(error.to_string().contains(&context), "{error}");
            }
            context.idle().await.unwrap();
        });
    }
    on_one_thread!(async {
        let context = RequestContext::new(());
        let blocked = context.scheduler().spawn(blocks(Arc::new(Barrier::new(1))));
        assert!(blocked.await.unwrap().is_deadlock());
        context.idle().await.unwrap();
    });
}

#[test]
fn blk_08_blocking_and_async_layers_through_tasks_and_timeouts_reach_their_context() {
    #[context_async(Request)]
    async fn middle() -> Result<String, SendError> {
        let scheduler = scheduler!();
        let task = tokio::spawn(async move {
            let send = move || scheduler.blocking_send(|request| request.user.clone());
            let blocking = spawn_blocking_detached(send);
            let timed = tokio::time::timeout(Duration::from_secs(60), blocking);
            timed.await.unwrap().unwrap()
        });
        task.await.unwrap()
    }

    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let blocking = spawn_blocking_detached({
            let scheduler = context.scheduler();
            move || block_on(scheduler.run(middle()))
        });
        assert_eq!(blocking.await.unwrap(), Ok("ada".to_owned()));
    });
}

#[test]
fn blk_10_a_request_cancelled_while_its_blocking_job_is_parked_closes_without_waiting_for_it() {
    #[context_async(Request)]
    async fn parks_a_job(parked: Gate, release: Gate) {
        let job = spawn_blocking_detached(move || {
            parked.open();
            release.wait();
        });
        job.await.unwrap();
    }

    watchdog(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let context = RequestContext::new(Request::of("ada"));
            let (parked, release) = (Gate::new(), Gate::new());
            let work = parks_a_job(parked.clone(), release.clone());
            let request = context.scheduler().spawn(work);
            parked.opened().await;
            request.abort();
            context.close();
            // The one thread there is for blocking is parked all the time.
            context.idle().await.unwrap();
            assert!(request.await.unwrap_err().is_cancelled());
            assert!(!release.is_open());
            release.open();
        });
    });
}

/// Holds the turn of `own` on a thread of its own while it sends to `wanted`.
fn holds_and_sends(
    own: &RequestContext<Request>,
    wanted: &RequestContext<Request>,
    both_held: &Arc<Barrier>,
) -> thread::JoinHandle<Result<(), SendError>> {
    let (own, wanted) = (own.scheduler(), wanted.scheduler());
    let both_held = both_held.clone();
    thread::spawn(move || {
        own.blocking_send(|_| {
            both_held.wait();
            wanted.blocking_send(Request::increment)
        })
        .unwrap()
    })
}

#[test]
fn blk_11_after_a_cycle_was_refused_and_after_a_panic_the_same_contexts_take_sends_again() {
    watchdog(|| {
        let runtime = pool!(1);
        let [a, b] = ["a", "b"].map(|user| context_on(runtime.enter(), Request::of(user)));
        for _ in 0..10 {
            let both_held = Arc::new(Barrier::new(2));
            let cycle = [
                holds_and_sends(&a, &b, &both_held),
                holds_and_sends(&b, &a, &both_held),
            ];
            let results = cycle.map(|thread| thread.join().unwrap());
            let refused = results.iter().filter(|result| result.is_err()).count();
            assert_eq!(refused, 1, "{results:?}");

            // One that waits and then panics, in the turn of another.
            let (started, is_started) = mpsc::channel();
            let holder = thread::spawn({
                let a = a.clone();
                move || {
                    a.scheduler().blocking_send(|_| {
                        started.send(()).unwrap();
                        until_called(&a);
                    })
                }
            });
            is_started.recv().unwrap();
            let panics = || {
                b.scheduler()
                    .blocking_send(|_| a.scheduler().blocking_send(|_| panic!("in a")))
            };
            assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
            holder.join().unwrap().unwrap();

            // None of these waits is left over: the other way round is no cycle.
            let (started, is_started) = mpsc::channel();
            let holder = thread::spawn({
                let b = b.clone();
                move || {
                    b.scheduler().blocking_send(|_| {
                        started.send(()).unwrap();
                        until_called(&b);
                    })
                }
            });
            is_started.recv().unwrap();
            let sent = a
                .scheduler()
                .blocking_send(|_| b.scheduler().blocking_send(|request| request.user.clone()));
            assert_eq!(sent.unwrap(), Ok("b".to_owned()));
            holder.join().unwrap().unwrap();
        }
    });
}

#[test]
fn blk_12_blocking_inside_a_context_on_a_single_thread_is_refused_at_once_and_ends_nothing() {
    #[context_async(Request)]
    async fn inner(outer: Scheduler<Request>) -> JoinError {
        sync_code(outer.spawn(child())).unwrap_err()
    }

    #[context_async(Request)]
    async fn index(other: RequestContext<Request>) {
        let own = sync_code(scheduler!().spawn(child())).unwrap_err();
        assert!(
            own.to_string().contains("holds the context's turn"),
            "{own}"
        );
        // Below the turn of another one, it is this context that is named.
        let nested = other.run(inner(scheduler!())).await;
        assert_eq!(nested.context_id(), Some(scheduler!().id()));
        assert!(nested.is_deadlock());
        // tokio refuses to block on its thread by itself.
        let runtime = tokio::runtime::Handle::current();
        let refused = || caught(|| runtime.block_on(async {}));
        assert!(refused().message.contains("runtime"));
        assert_eq!(seen(), context!().user);
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(Request::of("bob"));
        context.run(index(other)).await;
        context.idle().await.unwrap();
    });
}

/// Posts itself again, so many times.
fn posts_on(scheduler: Scheduler<Request>, left: u32) {
    let next = scheduler.clone();
    drop(scheduler.post(move |request| {
        request.increment();
        if left > 1 {
            posts_on(next, left - 1);
        }
    }));
}

#[test]
fn blk_15_a_hundred_thousand_posts_each_by_the_one_before_do_not_grow_the_stack() {
    // More than any stack has room for, were they nested.
    const POSTS: u32 = 100_000;

    request_context_tests::stress_on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        posts_on(context.scheduler(), POSTS);
        context.idle().await.unwrap();
        let count = context.scheduler().post(|request| request.count.get());
        assert_eq!(count.await.unwrap(), POSTS);
    });
}

#[test]
fn blk_15_a_hundred_thousand_pieces_of_work_each_waiting_for_the_one_before_do_not_grow_the_stack()
{
    request_context_tests::stress_on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        let mut last = context.scheduler().spawn({
            let gate = gate.clone();
            async move { gate.opened().await }
        });
        for _ in 0..100_000 {
            let before = last;
            last = context
                .scheduler()
                .spawn(async move { before.await.unwrap() });
        }
        assert!(poll_once(pin!(&mut last)).is_pending());
        gate.open();
        last.await.unwrap();
    });
}
