//! Destructors of a future run on its context, however it ends; those of the state and of detached
//! work do not.

use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

use request_context::{
    JoinHandle, RequestContext, context, context_async, detached, scheduler, spawn_detached,
    try_with,
};
use request_context_tests::{
    Gate, Log, OnDrop, Request, block_on, caught, context_on, on_one_thread, on_pool, one_thread,
    poll_once, pool, seen, sees_on_drop, watchdog,
};
use tokio::task::yield_now;

#[context_async(Request)]
async fn completes(log: Log) {
    let _local = sees_on_drop(&log);
    yield_now().await;
}

#[context_async(Request)]
async fn suspends(log: Log) {
    let _local = sees_on_drop(&log);
    pending().await
}

#[context_async(Request)]
async fn panics(log: Log) {
    let _local = sees_on_drop(&log);
    yield_now().await;
    panic!("the end");
}

#[test]
fn rust_02_the_context_is_visible_in_destructors_at_completion() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(completes(log.clone())).await;
        assert_eq!(log.take(), ["ada"]);
        context
            .scheduler()
            .spawn(completes(log.clone()))
            .await
            .unwrap();
        assert_eq!(log.take(), ["ada"]);
    });
}

#[test]
fn rust_02_the_context_is_visible_to_what_the_future_has_captured() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let captured = sees_on_drop(&log);
        context.run(async move { drop(captured) }).await;
        let captured = sees_on_drop(&log);
        let posted = context.scheduler().post(move |_| drop(captured));
        posted.await.unwrap();
        // Never started, it is still dropped on its context.
        let captured = sees_on_drop(&log);
        drop(context.run(async move { drop(captured) }));
        assert_eq!(log.take(), ["ada", "ada", "ada"]);
    });
}

#[test]
fn the_context_is_visible_in_destructors_during_a_panic() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let run = tokio::spawn(context.run(panics(log.clone())));
        assert!(run.await.unwrap_err().is_panic());
        let spawned = context.scheduler().spawn(panics(log.clone()));
        assert!(spawned.await.unwrap_err().is_panic());
        assert_eq!(log.take(), ["ada", "ada"]);
    });
}

#[test]
fn rust_01_the_context_is_visible_in_destructors_after_an_abort() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let work = context.scheduler().spawn(suspends(log.clone()));
        yield_now().await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["ada"]);
    });
}

#[test]
fn rust_01_the_context_is_visible_in_destructors_of_a_dropped_run() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let mut run = Box::pin(context.run(suspends(log.clone())));
        assert!(poll_once(run.as_mut()).is_pending());
        drop(run);
        assert_eq!(log.take(), ["ada"]);
        let task = tokio::spawn(context.run(suspends(log.clone())));
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["ada"]);
    });
}

#[test]
fn a_run_dropped_within_a_turn_of_its_context_is_dropped_at_once_on_it() {
    #[context_async(Request)]
    async fn drops(log: Log) {
        let mut run = Box::pin(scheduler!().run(suspends(log.clone())));
        assert!(poll_once(run.as_mut()).is_pending());
        #[detached]
        drop(run);
        log.push("dropped");
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(drops(log.clone())).await;
        assert_eq!(log.take(), ["ada", "dropped"]);
    });
}

#[test]
fn a_run_dropped_within_a_turn_of_another_context_sees_its_own() {
    #[context_async(u32)]
    async fn drops(run: impl Future<Output = ()> + Send) {
        let mut run = Box::pin(run);
        assert!(poll_once(run.as_mut()).is_pending());
        drop(run);
        assert_eq!(*context!(), 7);
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(7);
        other.run(drops(context.run(suspends(log.clone())))).await;
        assert_eq!(log.take(), ["ada"]);
    });
}

/// Writes down, when dropped, what context is visible and on which thread.
fn place_of_drop(place: &Arc<std::sync::Mutex<Option<(String, ThreadId)>>>) -> impl Send + use<> {
    let place = place.clone();
    OnDrop::new(move || {
        *place.lock().unwrap() = Some((seen(), thread::current().id()));
    })
}

#[test]
fn a_run_dropped_while_another_thread_holds_the_turn_is_dropped_by_that_thread_on_the_context() {
    watchdog(|| {
        let runtime = pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let place = Arc::default();
        let local = place_of_drop(&place);
        let mut run = Box::pin(context.run(async move {
            let _local = local;
            pending::<()>().await
        }));
        assert!(poll_once(run.as_mut()).is_pending());

        let (held, release) = (Gate::new(), Gate::new());
        let holder = thread::spawn({
            let (context, held, release) = (context.clone(), held.clone(), release.clone());
            move || {
                block_on(context.run(async move {
                    held.open();
                    let wait = || release.wait();
                    wait();
                }));
                thread::current().id()
            }
        });
        held.wait();
        // Nobody else may drop it now; nor does this wait.
        thread::spawn(|| drop(run)).join().unwrap();
        assert!(place.lock().unwrap().is_none());
        release.open();
        let holder = holder.join().unwrap();
        assert_eq!(
            place.lock().unwrap().take(),
            Some(("ada".to_owned(), holder))
        );
    });
}

#[test]
fn a_destructor_that_panics_where_it_was_left_behind_disturbs_neither_the_holder_nor_the_others() {
    watchdog(|| {
        let runtime = pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let log = Log::new();
        let runs: Vec<_> = (0..3)
            .map(|i| {
                let log = log.clone();
                let mut run = Box::pin(context.run(async move {
                    let _local = OnDrop::new(move || {
                        log.push(format!("{i}: {}", seen()));
                        panic!("in a destructor");
                    });
                    pending::<()>().await
                }));
                assert!(poll_once(run.as_mut()).is_pending());
                run
            })
            .collect();
        let holds = context.run(async move {
            thread::spawn(move || drop(runs)).join().unwrap();
            42
        });
        assert_eq!(block_on(holds), 42);
        assert_eq!(log.take(), ["0: ada", "1: ada", "2: ada"]);
        assert_eq!(block_on(context.run(async { seen() })), "ada");
    });
}

#[test]
fn the_context_is_visible_in_destructors_of_work_that_a_runtime_shutdown_ends() {
    #[context_async(Request)]
    async fn waits_for_a_timer(log: Log) {
        let _local = sees_on_drop(&log);
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    }

    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let (suspended, queued, run) = (Log::new(), Log::new(), Log::new());
        let first = context
            .scheduler()
            .spawn(waits_for_a_timer(suspended.clone()));
        runtime.block_on(async {
            yield_now().await;
            drop(tokio::spawn(context.run(suspends(run.clone()))));
            yield_now().await;
        });
        let second = context.scheduler().spawn(suspends(queued.clone()));
        let captured = sees_on_drop(&queued);
        let third = context.scheduler().post(move |_| drop(captured));
        assert_eq!(suspended.len() + queued.len() + run.len(), 0);
        drop(runtime);
        assert_eq!(suspended.take(), ["ada"]);
        // What never started has no locals, but what it has captured is dropped on its context.
        assert_eq!(queued.take(), ["ada"]);
        assert_eq!(run.take(), ["ada"]);
        assert!(block_on(first).unwrap_err().is_cancelled());
        assert!(block_on(second).unwrap_err().is_cancelled());
        assert!(block_on(third).unwrap_err().is_cancelled());
        block_on(context.idle()).unwrap();
    });
}

struct Noisy {
    log: Log,
}

impl Drop for Noisy {
    fn drop(&mut self) {
        let visible = try_with(|_: &Noisy| ());
        let text = visible.map_or_else(|error| error.to_string(), |()| "itself".to_owned());
        self.log.push(text);
    }
}

#[test]
fn the_states_own_drop_does_not_see_its_context() {
    #[context_async(Request)]
    async fn drops_the_last_owner(last: RequestContext<Noisy>) {
        drop(last);
        assert_eq!(seen(), "ada");
    }

    on_one_thread!(async {
        let log = Log::new();
        let noisy = || RequestContext::new(Noisy { log: log.clone() });
        let hidden =
            ["there is no request context here: it is being dropped, and its state with it"];

        drop(noisy());
        assert_eq!(log.take(), hidden);
        // Nor one of another context that is visible around it.
        let other = RequestContext::new(Request::of("ada"));
        other.run(drops_the_last_owner(noisy())).await;
        assert_eq!(log.take(), hidden);
        // Nor at the end of its own last turn.
        let context = noisy();
        let run = context.run(async { yield_now().await });
        drop(context);
        run.await;
        assert_eq!(log.take(), hidden);
        let context = noisy();
        let spawned = context.scheduler().spawn(async { yield_now().await });
        drop(context);
        spawned.await.unwrap();
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(log.take(), hidden);
    });
}

#[test]
fn a_state_whose_drop_panics_leaves_the_thread_clean() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in the state's drop");
        }
    }

    on_one_thread!(async {
        let context = RequestContext::new(Panics);
        assert_eq!(caught(|| drop(context)).message, "in the state's drop");
        assert_eq!(seen(), "never");
    });
}

#[detached]
async fn detached_completes(log: Log) {
    let _local = sees_on_drop(&log);
    yield_now().await;
}

#[detached]
async fn detached_suspends(log: Log) {
    let _local = sees_on_drop(&log);
    pending().await
}

#[detached]
async fn detached_panics(log: Log) {
    let _local = sees_on_drop(&log);
    yield_now().await;
    panic!("the end");
}

#[test]
fn a_detached_fns_locals_do_not_see_the_context() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(detached_completes(log.clone())).await;
        assert_eq!(log.take(), ["detached"]);

        let run = tokio::spawn(context.run(detached_panics(log.clone())));
        assert!(run.await.unwrap_err().is_panic());
        assert_eq!(log.take(), ["detached"]);

        let mut run = Box::pin(context.run(detached_suspends(log.clone())));
        assert!(poll_once(run.as_mut()).is_pending());
        drop(run);
        assert_eq!(log.take(), ["detached"]);

        let work: JoinHandle<()> = context.scheduler().spawn(detached_suspends(log.clone()));
        yield_now().await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["detached"]);
    });
}

#[test]
fn detached_works_locals_do_not_see_the_context_that_started_it() {
    #[context_async(Request)]
    async fn starts(log: Log) {
        let work = spawn_detached({
            let log = log.clone();
            async move {
                let _local = sees_on_drop(&log);
                pending::<()>().await
            }
        });
        yield_now().await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(starts(log.clone())).await;
        assert_eq!(log.take(), ["detached"]);
    });
}

#[test]
fn a_local_outside_a_detached_part_sees_the_context_and_one_inside_does_not() {
    #[context_async(Request)]
    async fn body(outside: Log, inside: Log, panic: bool) {
        let _outside = sees_on_drop(&outside);
        #[detached]
        {
            let _inside = sees_on_drop(&inside);
            yield_now().await;
            assert!(!panic, "the end");
            pending::<()>().await;
        }
    }

    on_one_thread!(async {
        let (outside, inside) = (Log::new(), Log::new());
        let context = RequestContext::new(Request::of("ada"));
        let work = || body(outside.clone(), inside.clone(), false);
        let panicking = || body(outside.clone(), inside.clone(), true);
        let mut logs = Vec::new();

        let mut run = Box::pin(context.run(work()));
        assert!(poll_once(run.as_mut()).is_pending());
        drop(run);
        logs.push((outside.take(), inside.take()));

        let spawned = context.scheduler().spawn(work());
        for _ in 0..3 {
            yield_now().await;
        }
        spawned.abort();
        assert!(spawned.await.unwrap_err().is_cancelled());
        logs.push((outside.take(), inside.take()));

        let run = tokio::spawn(context.run(panicking()));
        assert!(run.await.unwrap_err().is_panic());
        logs.push((outside.take(), inside.take()));

        for (outside, inside) in logs {
            assert_eq!(outside, ["ada"]);
            assert_eq!(inside, ["detached"]);
        }
    });
}

#[test]
fn a_spawned_works_result_is_dropped_once_when_nobody_takes_it() {
    on_one_thread!(async {
        let drops = Arc::new(AtomicUsize::new(0));
        let context = RequestContext::new(Request::of("ada"));
        let counted = {
            let drops = drops.clone();
            move || {
                drops.fetch_add(1, Ordering::Relaxed);
            }
        };
        let work = context
            .scheduler()
            .spawn(async move { OnDrop::new(counted) });
        context.idle().await.unwrap();
        assert!(work.is_finished());
        assert_eq!(drops.load(Ordering::Relaxed), 0);
        drop(work);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_future_that_is_done_is_dropped_before_its_result_is_known() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        for _ in 0..100 {
            let log = Log::new();
            context
                .scheduler()
                .spawn(completes(log.clone()))
                .await
                .unwrap();
            assert_eq!(log.take(), ["ada"]);
        }
        let mut pinned = pin!(context.run(completes(Log::new())));
        pinned.as_mut().await;
    });
}
