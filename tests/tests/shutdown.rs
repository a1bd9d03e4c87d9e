//! A runtime that shuts down under a context.

use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use request_context::{JoinHandle, Scheduler, context, context_async};
use request_context_tests::{
    Gate, Log, OnDrop, Request, block_on, cancelled, context_on, one_thread, poll_once, pool, seen,
    sees_on_drop, watchdog,
};
use tokio::runtime::Runtime;

#[test]
fn queued_work_is_dropped_on_its_context_and_its_handles_say_cancelled() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let log = Log::new();
        let captured = sees_on_drop(&log);
        let spawned = context.scheduler().spawn(async move { drop(captured) });
        let captured = sees_on_drop(&log);
        let posted = context.scheduler().post(move |_| drop(captured));
        assert!(log.is_empty());
        drop(runtime);
        assert_eq!(log.take(), ["ada", "ada"]);
        cancelled(spawned);
        cancelled(posted);
        block_on(context.idle()).unwrap();
        assert_eq!(seen(), "never");
    });
}

#[test]
fn work_submitted_after_the_shutdown_is_dropped_on_its_context_and_cancelled() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        drop(runtime);
        let log = Log::new();
        for _ in 0..3 {
            let captured = sees_on_drop(&log);
            cancelled(context.scheduler().spawn(async move { drop(captured) }));
            let captured = sees_on_drop(&log);
            cancelled(context.scheduler().post(move |_| drop(captured)));
        }
        assert_eq!(log.take(), ["ada"; 6]);
        block_on(context.idle()).unwrap();
    });
}

/// Work that waits for `gate`, and has begun to.
fn suspended(
    runtime: &Runtime,
    scheduler: &Scheduler<Request>,
    gate: &Gate,
    log: &Log,
) -> JoinHandle<()> {
    let (opened, on_drop) = (gate.opened(), log.clone());
    let work = scheduler.spawn(async move {
        let _local = OnDrop::new(move || on_drop.push(seen()));
        opened.await;
        unreachable!("there is nobody to run it");
    });
    runtime.block_on(async {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    });
    work
}

#[test]
fn work_that_is_suspended_at_the_shutdown_is_dropped_on_its_context_and_cancelled() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let (gate, log) = (Gate::new(), Log::new());
        let work = suspended(&runtime, &context.scheduler(), &gate, &log);
        assert!(log.is_empty());
        drop(runtime);
        assert_eq!(log.take(), ["ada"]);
        cancelled(work);
        block_on(context.idle()).unwrap();
        gate.open();
    });
}

#[test]
fn work_without_owners_that_is_woken_after_the_shutdown_is_dropped_on_its_context_and_cancelled() {
    watchdog(|| {
        let runtime = one_thread!();
        let scheduler = context_on(runtime.enter(), Request::of("ada")).scheduler();
        let (gate, log) = (Gate::new(), Log::new());
        let work = suspended(&runtime, &scheduler, &gate, &log);
        drop(runtime);
        assert!(log.is_empty(), "nobody could have cancelled it");
        gate.open();
        assert_eq!(log.take(), ["ada"]);
        cancelled(work);
    });
}

#[test]
fn run_needs_no_runtime_and_goes_on_after_the_shutdown() {
    #[context_async(Request)]
    async fn user() -> String {
        context!().user.clone()
    }

    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        drop(runtime);
        assert_eq!(block_on(context.run(user())), "ada");
        let mut suspended = pin!(context.run(pending::<()>()));
        assert!(poll_once(suspended.as_mut()).is_pending());
    });
}

#[test]
fn a_shutdown_while_another_thread_holds_the_turn_leaves_the_queue_to_that_thread() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let log = Log::new();
        let captured = sees_on_drop(&log);
        let queued = context.scheduler().post(move |_| drop(captured));
        let still_queued = log.clone();
        let holds = context.run(async move {
            std::thread::spawn(move || drop(runtime)).join().unwrap();
            assert!(still_queued.is_empty(), "it was dropped off its context");
        });
        block_on(holds);
        assert_eq!(log.take(), ["ada"]);
        cancelled(queued);
    });
}

#[test]
fn a_shutdown_drops_every_piece_of_work_exactly_once() {
    const WORK: usize = 1_000;

    watchdog(|| {
        for _ in 0..10 {
            let runtime = pool!(4);
            let context = context_on(runtime.enter(), Request::of("ada"));
            let drops = Arc::new(AtomicUsize::new(0));
            let work: Vec<_> = (0..WORK)
                .map(|i| {
                    let counts = drops.clone();
                    let captured = OnDrop::new(move || {
                        assert_eq!(seen(), "ada");
                        counts.fetch_add(1, Ordering::Relaxed);
                    });
                    context.scheduler().spawn(async move {
                        let _captured = captured;
                        for _ in 0..i % 5 {
                            tokio::task::yield_now().await;
                        }
                    })
                })
                .collect();
            drop(runtime);
            for work in work {
                if let Err(error) = block_on(work) {
                    assert!(error.is_cancelled());
                }
            }
            block_on(context.idle()).unwrap();
            assert_eq!(drops.load(Ordering::Relaxed), WORK);
        }
    });
}
