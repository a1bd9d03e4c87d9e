//! What parts of the crate do to each other: exclusive work, cancellation, forks, hooks, bound threads.

use std::{
    cell::Cell,
    future::{Future, pending},
    task::Poll,
};

use request_context::{
    ContextThread, CurrentContext, JoinHandle, RequestContext, SendError, context, context_async,
    context_block, scheduler, spawn_blocking_detached,
};
use request_context_tests::{
    EventLoop, Gate, Log, OnDrop, Request, on_one_thread, on_pool, one_thread, poll_once,
    sees_on_drop, suspend, watchdog,
};
use tokio_util::sync::CancellationToken;

/// Lets what was woken run.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

// ------------------------------------------------------------ exclusive work and threads

#[test]
fn a_send_on_the_thread_that_exclusive_work_needs_is_a_deadlock_and_says_so() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, Cell::new(0));
        let scheduler = context.scheduler();
        let gate = Gate::new();
        let exclusive = scheduler.spawn_exclusive(gate.opened());
        event_loop.run_ready();
        // Between two turns of it, on the only thread that could end it.
        let id = context.id();
        let sent = scheduler.blocking_send(|count| count.set(1));
        assert_eq!(sent, Err(SendError::Deadlock(vec![id])));
        gate.open();
        event_loop.run_ready();
        assert!(exclusive.is_finished());
        assert_eq!(scheduler.blocking_send(|count| count.replace(1)), Ok(0));
    });
}

#[test]
fn what_exclusive_work_has_begun_is_dropped_on_its_thread_while_the_work_waits_for_that() {
    on_pool!(2, async {
        let context = ContextThread::new(|| Request::of("ada"));
        let log = Log::new();
        #[context_async(Request)]
        async fn waits_for_a_drop(log: Log) {
            let dropped = Gate::new();
            let on_drop = OnDrop::new({
                let dropped = dropped.clone();
                move || dropped.open()
            });
            let seen = sees_on_drop(&log);
            let mut run = Box::pin(scheduler!().run(async move {
                let _captured = (on_drop, seen);
                pending::<()>().await
            }));
            // It has begun here.
            std::future::poll_fn(|cx| {
                assert!(run.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            let dropper = spawn_blocking_detached(move || drop(run));
            dropper.await.unwrap();
            dropped.opened().await;
        }
        let exclusive = context
            .scheduler()
            .spawn_exclusive(waits_for_a_drop(log.clone()));
        exclusive.await.unwrap();
        assert_eq!(log.take(), ["ada"]);
    });
}

#[test]
fn a_run_that_has_hopped_belongs_to_its_caller_under_a_cancellation_too() {
    on_pool!(2, async {
        let context = ContextThread::new(|| Request::of("ada"));
        let scheduler = context.scheduler();
        let gate = Gate::new();
        let started = Gate::new();
        let mut run = Box::pin(scheduler.run({
            let (gate, started) = (gate.clone(), started.clone());
            context_block!(Request, async move {
                started.open();
                gate.opened().await;
                context!().user.clone()
            })
        }));
        assert!(poll_once(run.as_mut()).is_pending());
        started.opened().await;
        context.cancel();
        gate.open();
        assert_eq!(run.await, "ada");
        // Nor is what hops later.
        assert_eq!(scheduler.run(async { 42 }).await, 42);
    });
}

// ------------------------------------------------------------ cancellation, owners and forks

#[test]
fn a_token_that_comes_after_the_owners_went_ends_what_was_suspended_by_then_at_its_next_turn() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let (gate, wakes) = (Gate::new(), Gate::new());
        let suspended = context.scheduler().spawn({
            let (log, wakes) = (log.clone(), wakes.clone());
            async move {
                let _local = sees_on_drop(&log);
                wakes.opened().await;
                pending::<()>().await
            }
        });
        let cancels = context.scheduler().spawn({
            let gate = gate.clone();
            context_block!(Request, async move {
                gate.opened().await;
                CurrentContext::cancellation_token(&context!()).cancel();
            })
        });
        settle().await;
        drop(context);
        gate.open();
        cancels.await.unwrap();
        settle().await;
        assert!(!suspended.is_finished());
        wakes.open();
        assert!(suspended.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["ada"]);
    });
}

#[test]
fn a_state_whose_drop_panics_while_it_is_cancelled_keeps_the_token_from_nobody() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("the state's drop");
        }
    }

    watchdog(|| {
        let process = CancellationToken::new();
        let others = [(); 3].map(|()| suspended_under(&process));
        one_thread!().block_on(async {
            let panics = RequestContext::builder().cancelled_by(&process);
            let context = panics.build(Panics).unwrap();
            drop(context.scheduler().spawn(pending::<()>()));
            settle().await;
        });
        let more = [(); 3].map(|()| suspended_under(&process));
        process.cancel();
        for (_context, handle) in others.into_iter().chain(more) {
            assert!(handle.blocking_join().unwrap_err().is_cancelled());
        }
    });
}

/// A context under `process` whose work has suspended on a runtime that is gone: a cancellation drops it
/// there and then.
fn suspended_under(process: &CancellationToken) -> (RequestContext<()>, JoinHandle<()>) {
    one_thread!().block_on(async {
        let context = RequestContext::builder()
            .cancelled_by(process)
            .build(())
            .unwrap();
        let handle = context.scheduler().spawn(pending::<()>());
        settle().await;
        (context, handle)
    })
}

// ------------------------------------------------------------ exclusive work and what others leave

#[test]
fn what_a_destructor_of_another_starts_is_kept_out_of_exclusive_work() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let gate = Gate::new();
        let mut ordinary = Box::pin(context.run({
            let log = log.clone();
            context_block!(Request, async move {
                let scheduler = scheduler!();
                let _cleans_up = OnDrop::new(move || {
                    drop(scheduler.post(move |_| log.push("cleaned up")));
                });
                pending::<()>().await
            })
        }));
        assert!(poll_once(ordinary.as_mut()).is_pending());
        let exclusive = context.scheduler().spawn_exclusive({
            let (log, gate) = (log.clone(), gate.clone());
            async move {
                log.push("begins");
                gate.opened().await;
                suspend().await;
                log.push("ends");
            }
        });
        settle().await;
        drop(ordinary);
        settle().await;
        gate.open();
        exclusive.await.unwrap();
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["begins", "ends", "cleaned up"]);
    });
}

#[test]
fn what_a_look_from_between_turns_starts_is_kept_out_of_exclusive_work() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, Cell::new(0));
        let scheduler = context.scheduler();
        let (log, gate) = (Log::new(), Gate::new());
        let exclusive = scheduler.spawn_exclusive({
            let (log, gate) = (log.clone(), gate.clone());
            async move {
                log.push("begins");
                gate.opened().await;
                log.push("ends");
            }
        });
        event_loop.run_ready();
        let look = scheduler.with(|_| {
            let log = log.clone();
            drop(scheduler.post(move |_| log.push("posted")));
        });
        look.unwrap();
        event_loop.run_ready();
        gate.open();
        event_loop.run_ready();
        assert!(exclusive.is_finished());
        assert_eq!(log.take(), ["begins", "ends", "posted"]);
    });
}
