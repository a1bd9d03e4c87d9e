//! Spawned work, and its handle: as tokio's.

use std::{
    future::{IntoFuture, Ready, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use request_context::{JoinHandle, RequestContext, context, context_async, scheduler};
use request_context_tests::{
    Gate, Log, OnDrop, Request, caught, message, on_one_thread, on_pool, poll_once, seen,
};
use tokio::task::yield_now;

#[context_async(Request)]
async fn after(gate: Gate) -> u32 {
    gate.opened().await;
    context!().increment();
    context!().count.get()
}

#[test]
fn awaiting_gives_the_result() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        let mut work = context.scheduler().spawn(after(gate.clone()));
        assert_eq!(work.context_id(), Some(context.id()));
        yield_now().await;
        assert!(!work.is_finished());
        assert!(poll_once(pin!(&mut work)).is_pending());
        gate.open();
        assert_eq!(work.await.unwrap(), 1);
    });
}

#[test]
fn awaiting_inside_the_context_gives_the_result() {
    #[context_async(Request)]
    async fn body(gate: Gate) -> u32 {
        let siblings = [(); 3].map(|()| scheduler!().spawn(after(gate.clone())));
        gate.open();
        let mut sum = 0;
        for sibling in siblings {
            sum += sibling.await.unwrap();
        }
        sum
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(context.run(body(Gate::new())).await, 6);
        let spawned = context.scheduler().spawn(body(Gate::new()));
        assert_eq!(spawned.await.unwrap(), 4 + 5 + 6);
    });
}

#[test]
fn work_starts_without_being_awaited_and_its_handle_tells_when_it_is_done() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        let work = context.scheduler().spawn(after(gate.clone()));
        gate.open();
        assert!(!work.is_finished());
        context.idle().await.unwrap();
        assert!(work.is_finished());
        assert_eq!(
            context.scheduler().post(|r| r.count.get()).await.unwrap(),
            1
        );
        assert_eq!(work.await.unwrap(), 1);
    });
}

#[test]
fn spawned_work_never_starts_on_the_spawners_stack() {
    #[context_async(Request)]
    async fn body(started: Arc<AtomicBool>) {
        let sets = started.clone();
        let work = scheduler!().spawn(async move { sets.store(true, Ordering::SeqCst) });
        assert!(!started.load(Ordering::SeqCst));
        work.await.unwrap();
        assert!(started.load(Ordering::SeqCst));
    }

    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        for _ in 0..100 {
            context.run(body(Arc::default())).await;
        }
    });
}

#[test]
fn a_panic_comes_with_its_payload() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let work: JoinHandle<()> = context.scheduler().spawn(async { panic!("number {}", 7) });
        let error = work.await.unwrap_err();
        assert!(error.is_panic());
        assert!(!error.is_cancelled() && !error.is_deadlock());
        assert_eq!(error.context_id(), Some(context.id()));
        let id = context.id();
        assert_eq!(
            error.to_string(),
            format!("work of {id} panicked: `number 7`")
        );
        assert_eq!(message(&*error.into_panic()), "number 7");
        context.idle().await.unwrap();
    });
}

#[test]
fn a_panic_with_a_value_comes_with_that_value() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let work: JoinHandle<()> = context
            .scheduler()
            .spawn(async { std::panic::panic_any(Arc::new(7)) });
        let payload = work.await.unwrap_err().try_into_panic().unwrap();
        assert_eq!(**payload.downcast::<Arc<i32>>().unwrap(), 7);
    });
}

#[test]
fn an_error_that_is_no_panic_has_none_to_give_and_blames_the_caller_who_asks() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let work = context.scheduler().spawn(pending::<()>());
        work.abort();
        let error = work.await.unwrap_err().try_into_panic().unwrap_err();
        let panic = caught(|| error.into_panic());
        assert_eq!((panic.file.as_str(), panic.line), (file!(), line!() - 1));
        assert!(panic.message.contains("was cancelled"), "{}", panic.message);
    });
}

#[test]
fn an_abort_ends_the_work_at_its_suspension_on_its_context() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let work = context.scheduler().spawn({
            let log = log.clone();
            async move {
                let on_drop = log.clone();
                let _local = OnDrop::new(move || on_drop.push(format!("dropped: {}", seen())));
                log.push("started");
                pending::<()>().await;
                log.push("went on");
            }
        });
        yield_now().await;
        work.abort();
        assert!(
            !work.is_finished(),
            "an abort drops nothing on the aborter's stack"
        );
        let error = work.await.unwrap_err();
        assert!(error.is_cancelled());
        assert!(!error.is_panic());
        assert_eq!(log.take(), ["started", "dropped: ada"]);
        context.idle().await.unwrap();
    });
}

#[test]
fn an_abort_before_the_first_poll_drops_the_work_unstarted_on_its_context() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let captured = {
            let log = log.clone();
            OnDrop::new(move || log.push(format!("dropped: {}", seen())))
        };
        let started = log.clone();
        let work = context.scheduler().spawn(async move {
            started.push("started");
            drop(captured);
        });
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["dropped: ada"]);
    });
}

#[test]
fn an_abort_of_a_posted_closure_before_it_runs_drops_it_on_the_context() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let captured = {
            let log = log.clone();
            OnDrop::new(move || log.push(format!("dropped: {}", seen())))
        };
        let ran = log.clone();
        let work = context.scheduler().post(move |_| {
            ran.push("ran");
            drop(captured);
        });
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["dropped: ada"]);
    });
}

#[test]
fn an_abort_after_completion_keeps_the_result() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let work = context.scheduler().spawn(async { 42 });
        context.idle().await.unwrap();
        work.abort();
        yield_now().await;
        assert!(work.is_finished());
        assert_eq!(work.await.unwrap(), 42);

        let panicked: JoinHandle<()> = context.scheduler().spawn(async { panic!("kept") });
        while !panicked.is_finished() {
            yield_now().await;
        }
        panicked.abort();
        assert_eq!(message(&*panicked.await.unwrap_err().into_panic()), "kept");
    });
}

#[test]
fn an_abort_from_within_ends_the_work_at_its_next_suspension() {
    #[context_async(Request)]
    async fn aborts_itself(handle: tokio::sync::oneshot::Receiver<JoinHandle<()>>, log: Log) {
        let handle = handle.await.unwrap();
        handle.abort();
        log.push("still runs");
        yield_now().await;
        log.push("went on");
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = context
            .scheduler()
            .spawn(aborts_itself(receiver, log.clone()));
        sender.send(work).unwrap();
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["still runs"]);
    });
}

#[test]
fn an_abort_from_within_just_before_the_end_keeps_the_result() {
    #[context_async(Request)]
    async fn aborts_itself(handle: Arc<std::sync::Mutex<Option<JoinHandle<u32>>>>) -> u32 {
        handle.lock().unwrap().as_ref().unwrap().abort();
        42
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let place: Arc<std::sync::Mutex<Option<JoinHandle<u32>>>> = Arc::default();
        *place.lock().unwrap() = Some(context.scheduler().spawn(aborts_itself(place.clone())));
        context.idle().await.unwrap();
        let work = place.lock().unwrap().take().unwrap();
        assert_eq!(work.await.unwrap(), 42);
    });
}

#[test]
fn dropping_the_handle_lets_the_work_go_on() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        drop(context.scheduler().spawn(after(gate.clone())));
        yield_now().await;
        let suspended = context.scheduler().spawn(after(gate.clone()));
        yield_now().await;
        drop(suspended);
        gate.open();
        context.idle().await.unwrap();
        assert_eq!(
            context.scheduler().post(|r| r.count.get()).await.unwrap(),
            2
        );
    });
}

#[test]
fn work_that_nothing_can_wake_or_cancel_any_more_is_dropped_on_its_context() {
    /// Which of the two goes last.
    #[derive(Clone, Copy, Debug)]
    enum Last {
        Handle,
        HandleBeforeItSuspends,
        Context,
    }

    async fn spawns(last: Last) -> Vec<String> {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let on_drop = log.clone();
        let work = context.scheduler().spawn(async move {
            let _local = OnDrop::new(move || on_drop.push(seen()));
            pending::<()>().await;
        });
        match last {
            Last::Handle => {
                yield_now().await;
                drop(context);
                yield_now().await;
                drop(work);
            }
            Last::HandleBeforeItSuspends => {
                drop(context);
                drop(work);
            }
            Last::Context => {
                drop(work);
                yield_now().await;
                assert!(log.take().is_empty(), "it can still be cancelled");
                drop(context);
            }
        }
        for _ in 0..5 {
            yield_now().await;
        }
        log.take()
    }

    on_one_thread!(async {
        for last in [Last::Handle, Last::HandleBeforeItSuspends, Last::Context] {
            assert_eq!(spawns(last).await, ["ada"], "{last:?}");
        }
    });
}

#[test]
fn spawned_work_gets_its_turns_in_the_order_in_which_it_becomes_ready() {
    #[context_async(Request)]
    async fn waits(gate: Gate, log: Log, name: &'static str) {
        log.push(format!("start {name}"));
        gate.opened().await;
        log.push(format!("end {name}"));
    }

    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        for _ in 0..100 {
            let log = Log::new();
            let gates = [(); 4].map(|()| Gate::new());
            let names = ["a", "b", "c", "d"];
            let work: Vec<_> = names
                .iter()
                .zip(&gates)
                .map(|(name, gate)| {
                    context
                        .scheduler()
                        .spawn(waits(gate.clone(), log.clone(), name))
                })
                .collect();
            context.scheduler().post(|_| ()).await.unwrap();
            assert_eq!(log.take(), ["start a", "start b", "start c", "start d"]);
            for ready in [2, 0, 3, 1] {
                gates[ready].open();
            }
            for work in work {
                work.await.unwrap();
            }
            assert_eq!(log.take(), ["end c", "end a", "end d", "end b"]);
        }
    });
}

#[test]
fn many_aborts_and_completions_at_once_each_give_one_of_the_two() {
    const TASKS: usize = 2_000;

    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        let drops = Arc::new(AtomicUsize::new(0));
        let mut ended = [0, 0];
        let work: Vec<_> = (0..TASKS)
            .map(|_| {
                let drops = drops.clone();
                context.scheduler().spawn(async move {
                    let _local = OnDrop::new(move || {
                        drops.fetch_add(1, Ordering::Relaxed);
                    });
                    yield_now().await;
                    yield_now().await;
                })
            })
            .collect();
        for work in work {
            work.abort();
            match work.await {
                Ok(()) => ended[0] += 1,
                Err(error) => {
                    assert!(error.is_cancelled());
                    ended[1] += 1;
                }
            }
        }
        context.idle().await.unwrap();
        assert_eq!(ended[0] + ended[1], TASKS);
        assert!(drops.load(Ordering::Relaxed) <= TASKS);
    });
}

#[test]
fn work_that_panics_before_it_is_a_future_is_not_waited_for() {
    struct NotYet;

    impl IntoFuture for NotYet {
        type Output = ();
        type IntoFuture = Ready<()>;

        fn into_future(self) -> Self::IntoFuture {
            panic!("not yet");
        }
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let spawn = AssertUnwindSafe(|| drop(scheduler.spawn(NotYet)));
        assert!(catch_unwind(spawn).is_err());
        context.idle().await.unwrap();
    });
}
