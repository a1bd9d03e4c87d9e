//! `blocking_send`: sync code that takes a turn of a context.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Barrier, mpsc},
    thread,
};

use request_context::{
    ContextId, RequestContext, Scheduler, SendError, context, context_async, detached, scheduler,
};
use request_context_tests::{
    Gate, Log, Request, on_one_thread, on_pool, poll_once, pool, seen, until_called, watchdog,
};
use tokio::task::spawn_blocking;

fn increment(scheduler: &Scheduler<Request>) -> Result<u32, SendError> {
    scheduler.blocking_send(|request| {
        request.increment();
        request.count.get()
    })
}

/// Sync code in the middle of a context body.
fn sync_code(scheduler: &Scheduler<Request>) -> u32 {
    scheduler
        .blocking_send(|request| {
            request.increment();
            // SEND-04: once more, within.
            increment(scheduler).unwrap()
        })
        .unwrap()
}

#[test]
fn send_01_to_an_idle_context_runs_on_the_calling_thread_with_the_context_entered() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let caller = thread::current().id();
        assert_eq!(
            scheduler.blocking_send(|_| (seen(), thread::current().id())),
            Ok(("ada".to_owned(), caller))
        );
        assert_eq!(seen(), "never");
        assert_eq!(increment(&scheduler), Ok(1));
    });
}

#[test]
fn sd_22_a_context_without_a_state_sends_on_the_calling_thread_and_posts_to_the_pool() {
    watchdog(|| {
        let runtime = pool!(1);
        let _entered = runtime.enter();
        let scheduler = RequestContext::new(()).scheduler();
        let this_thread = || thread::current().id();
        assert_eq!(
            scheduler.blocking_send(|()| this_thread()),
            Ok(this_thread())
        );
        let posted =
            scheduler.post(move |()| (this_thread(), thread::current().name() == Some("pool")));
        let (thread, pool) = posted.blocking_join().unwrap();
        assert_ne!(thread, this_thread());
        assert!(pool);
    });
}

#[test]
fn send_03_to_a_busy_context_waits_for_the_turn() {
    watchdog(|| {
        let runtime = pool!(2);
        let _entered = runtime.enter();
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let (started, is_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let first = thread::spawn({
            let (scheduler, log) = (context.scheduler(), log.clone());
            move || {
                scheduler.blocking_send(move |_| {
                    started.send(()).unwrap();
                    released.recv().unwrap();
                    log.push("first ended");
                })
            }
        });
        is_started.recv().unwrap();
        let second = thread::spawn({
            let (scheduler, log) = (context.scheduler(), log.clone());
            move || scheduler.blocking_send(|_| log.push("second started"))
        });
        // The second one is there, and waits.
        until_called(&context);
        release.send(()).unwrap();
        first.join().unwrap().unwrap();
        second.join().unwrap().unwrap();
        assert_eq!(log.take(), ["first ended", "second started"]);
    });
}

#[test]
fn send_04_and_06_inside_a_turn_goes_inline_at_any_depth() {
    #[context_async(Request)]
    async fn index() -> u32 {
        let scheduler = scheduler!();
        context!().increment();
        sync_code(&scheduler)
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(context.run(index()).await, 3);
    });
}

#[test]
fn send_05_inside_a_posted_closure_goes_inline() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let inside = scheduler.clone();
        let count = scheduler.post(move |_| increment(&inside)).await.unwrap();
        assert_eq!(count, Ok(1));
    });
}

#[test]
fn inside_a_detached_fn_of_the_own_turn_goes_inline_and_sees_the_context() {
    #[detached]
    async fn off(scheduler: Scheduler<Request>) -> (String, String) {
        let outside = seen();
        (outside, scheduler.blocking_send(|_| seen()).unwrap())
    }

    #[context_async(Request)]
    async fn index() -> (String, String) {
        off(scheduler!()).await
    }

    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let saw = context.run(index()).await;
        assert_eq!(saw, ("detached".to_owned(), "ada".to_owned()));
    });
}

#[test]
fn send_08_a_turn_that_has_ended_is_not_owned_any_more() {
    #[context_async(Request)]
    async fn suspends(gate: Gate) {
        gate.opened().await;
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        // Suspended work of the context, begun on this very thread, does not make it an owner.
        let mut suspended = Box::pin(context.run(suspends(gate.clone())));
        assert!(futures::poll!(suspended.as_mut()).is_pending());
        let (started, is_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let scheduler = context.scheduler();
        let holder = spawn_blocking(move || {
            scheduler.blocking_send(move |_| {
                started.send(()).unwrap();
                released.recv().unwrap();
            })
        });
        is_started.recv().unwrap();
        assert_eq!(
            increment(&context.scheduler()),
            Err(SendError::AsyncWorker(context.id()))
        );
        release.send(()).unwrap();
        holder.await.unwrap().unwrap();
        gate.open();
        suspended.await;
    });
}

#[test]
fn send_07_a_thread_that_was_on_the_context_before_waits_for_the_one_that_is_on_it_now() {
    watchdog(|| {
        let runtime = pool!(1);
        let _entered = runtime.enter();
        let context = RequestContext::new(Request::of("ada"));
        // All that this thread can have of a context: its scheduler, and suspended work.
        let own = context.scheduler().blocking_send(|_| current()).unwrap();
        let mut suspended = Box::pin(context.run(std::future::pending::<()>()));
        assert!(poll_once(suspended.as_mut()).is_pending());
        let log = Log::new();
        let (started, is_started) = mpsc::channel();
        let owner = thread::spawn({
            let (context, log) = (context.clone(), log.clone());
            move || {
                context.scheduler().blocking_send(|_| {
                    started.send(()).unwrap();
                    until_called(&context);
                    log.push("the owner ends");
                })
            }
        });
        is_started.recv().unwrap();
        own.blocking_send(|_| log.push("sent")).unwrap();
        owner.join().unwrap().unwrap();
        assert_eq!(log.take(), ["the owner ends", "sent"]);
    });
}

fn current() -> Scheduler<Request> {
    Scheduler::from_current().unwrap()
}

#[test]
fn send_14_neither_a_post_nor_one_within_a_send_is_inline() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        drop(scheduler.post(Request::increment));
        let counts = scheduler.blocking_send(|request| {
            drop(scheduler.post(Request::increment));
            request.count.get()
        });
        assert_eq!(counts, Ok(0));
        context.idle().await.unwrap();
        let count = scheduler.blocking_send(|request| request.count.get());
        assert_eq!(count, Ok(2));
    });
}

#[test]
fn send_11_and_12_a_panic_goes_to_the_caller_and_to_nobody_else() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let panic = catch_unwind(AssertUnwindSafe(|| {
            scheduler.blocking_send(|_| std::panic::panic_any(42_u64))
        }))
        .unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&42_u64));
        context.idle().await.unwrap();
        assert_eq!(increment(&scheduler), Ok(1));
    });
}

#[test]
fn blk_13_a_wait_on_an_async_worker_is_an_error_at_once_and_no_wait_is_none() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let (started, is_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let holder = spawn_blocking({
            let scheduler = scheduler.clone();
            move || {
                scheduler.blocking_send(move |_| {
                    started.send(()).unwrap();
                    released.recv().unwrap();
                })
            }
        });
        is_started.recv().unwrap();
        let sent = tokio::spawn({
            let scheduler = scheduler.clone();
            async move { increment(&scheduler) }
        });
        let error = sent.await.unwrap().unwrap_err();
        assert_eq!(error, SendError::AsyncWorker(context.id()));
        assert!(error.to_string().contains("async tasks"), "{error}");
        release.send(()).unwrap();
        holder.await.unwrap().unwrap();
        let sent = tokio::spawn(async move { increment(&scheduler) });
        assert_eq!(sent.await.unwrap(), Ok(1));
    });
}

/// So many contexts, each held by a thread that sends to the next once all are held.
fn a_ring_of(size: usize) {
    watchdog(move || {
        let runtime = pool!(2);
        let _entered = runtime.enter();
        let contexts: Vec<_> = (0..size)
            .map(|_| RequestContext::new(Request::of("ada")))
            .collect();
        let all_held = Arc::new(Barrier::new(size));
        let threads: Vec<_> = (0..size)
            .map(|i| {
                let (own, next) = (
                    contexts[i].scheduler(),
                    contexts[(i + 1) % size].scheduler(),
                );
                let all_held = all_held.clone();
                thread::spawn(move || {
                    own.blocking_send(move |_| {
                        all_held.wait();
                        increment(&next)
                    })
                    .unwrap()
                })
            })
            .collect();
        let results: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        let cycles: Vec<&Vec<ContextId>> = results
            .iter()
            .filter_map(|result| match result {
                Err(SendError::Deadlock(cycle)) => Some(cycle),
                _ => None,
            })
            .collect();
        // Whoever closed the ring got the error, and by that freed the others.
        let [cycle] = cycles[..] else {
            panic!("one of them sees the cycle: {results:?}");
        };
        let mut members = cycle.clone();
        members.sort();
        assert_eq!(
            members,
            contexts.iter().map(RequestContext::id).collect::<Vec<_>>()
        );
        assert_eq!(
            results.iter().filter(|result| result.is_ok()).count(),
            size - 1
        );
    });
}

#[test]
fn two_contexts_that_wait_for_each_other_are_an_error_that_names_both() {
    a_ring_of(2);
}

#[test]
fn three_contexts_that_wait_for_each_other_are_an_error_that_names_all() {
    a_ring_of(3);
}

#[test]
fn ten_thousand_sends_of_eight_threads_count_exactly() {
    watchdog(|| {
        let runtime = pool!(2);
        let _entered = runtime.enter();
        let context = RequestContext::new(Request::of("ada"));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let scheduler = context.scheduler();
                thread::spawn(move || {
                    for _ in 0..1_250 {
                        increment(&scheduler).unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let count = context
            .scheduler()
            .blocking_send(|request| request.count.get());
        assert_eq!(count, Ok(10_000));
    });
}
