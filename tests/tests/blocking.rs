//! Blocking on work of a context, from everywhere.

use std::{
    pin::pin,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use request_context::{
    ContextId, CurrentContext, JoinError, JoinHandle, RequestContext, Scheduler, context,
    context_async, detached, scheduler, spawn_detached,
};
use request_context_tests::{
    Gate, Log, Request, block_on, context_on, on_one_thread, on_pool, one_thread, pool, seen,
    watchdog,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{block_in_place, yield_now},
};

/// Code that is not async, and that no attribute looks into.
fn sync_code<T>(handle: JoinHandle<T>) -> Result<T, JoinError> {
    handle.blocking_join()
}

#[context_async(Request)]
async fn item(started: Arc<AtomicUsize>, gate: Gate) -> u32 {
    started.fetch_add(1, Ordering::SeqCst);
    gate.opened().await;
    context!().increment();
    context!().count.get()
}

#[test]
fn sd_04_blocking_on_own_turn_is_an_error_at_once() {
    #[context_async(Request)]
    async fn index() -> (Vec<JoinError>, ContextId) {
        let (started, gate) = (Arc::new(AtomicUsize::new(0)), Gate::new());
        let items = [(); 3].map(|()| scheduler!().spawn(item(started.clone(), gate.clone())));
        while started.load(Ordering::SeqCst) < 3 {
            yield_now().await;
        }
        // All three are queued now, and this turn is what they wait for.
        gate.open();
        let errors = items.map(|item| sync_code(item).unwrap_err());
        (errors.into(), CurrentContext::id(&context!()))
    }

    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        let (errors, id) = context.run(index()).await;
        assert_eq!(id, context.id());
        for error in errors {
            assert!(error.is_deadlock());
            assert!(!error.is_cancelled() && !error.is_panic());
            assert_eq!(error.context_id(), Some(id));
            let text = error.to_string();
            assert!(text.contains(&id.to_string()), "{text}");
            assert!(text.contains("3 pieces of its work wait"), "{text}");
            assert!(text.contains("`.await` the handle"), "{text}");
        }
        // The error ended nothing.
        context.idle().await.unwrap();
        assert_eq!(context.run(count()).await, 3);
    });
}

#[context_async(Request)]
async fn count() -> u32 {
    context!().count.get()
}

#[test]
fn sd_05_what_waits_for_a_blocked_turn_waits_although_workers_are_idle() {
    const WORKERS: usize = 4;

    #[context_async(Request)]
    async fn blocks_its_turn(items: Vec<JoinHandle<u32>>, blocked: Gate, release: Gate) {
        blocked.open();
        let wait = || release.wait();
        wait();
        drop(items);
    }

    on_pool!(WORKERS, async {
        let context = RequestContext::new(Request::of("ada"));
        let (started, opened) = (Arc::new(AtomicUsize::new(0)), Gate::new());
        opened.open();
        let (blocked, release) = (Gate::new(), Gate::new());
        let turn = tokio::spawn({
            let context = context.clone();
            let (started, blocked, release) = (started.clone(), blocked.clone(), release.clone());
            async move {
                let scheduler = context.scheduler();
                let work = request_context::context_block!(Request, async move {
                    let items =
                        (0..3).map(|_| scheduler.spawn(item(started.clone(), opened.clone())));
                    blocks_its_turn(items.collect(), blocked, release).await;
                });
                context.run(work).await;
            }
        });
        blocked.opened().await;
        // Every other worker is idle, and takes part in this.
        for _ in 0..10 {
            let idle_workers = Arc::new(Barrier::new(WORKERS - 1));
            let meeting: Vec<_> = (0..WORKERS - 1)
                .map(|_| {
                    let idle_workers = idle_workers.clone();
                    tokio::spawn(async move { idle_workers.wait() })
                })
                .collect();
            for met in meeting {
                met.await.unwrap();
            }
        }
        assert_eq!(started.load(Ordering::SeqCst), 0);
        release.open();
        turn.await.unwrap();
        context.idle().await.unwrap();
        assert_eq!(started.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn sd_17_blocking_on_io_of_the_own_context_is_an_error_at_once() {
    #[context_async(Request)]
    async fn reads(mut input: tokio::io::DuplexStream) -> String {
        let mut text = String::new();
        input.read_to_string(&mut text).await.unwrap();
        format!("{} reads {text}", context!().user)
    }

    #[context_async(Request)]
    async fn index_sync(input: tokio::io::DuplexStream) -> Result<String, JoinError> {
        let reading = scheduler!().spawn(reads(input));
        yield_now().await;
        sync_code(reading)
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let (mut far, near) = tokio::io::duplex(64);
        let error = context.run(index_sync(near)).await.unwrap_err();
        assert!(error.is_deadlock());
        assert_eq!(error.context_id(), Some(context.id()));
        far.write_all(b"rows").await.unwrap();
        drop(far);
        context.idle().await.unwrap();
    });
}

#[detached]
async fn off_the_context(log: Log, gate: Gate) -> u32 {
    log.push(seen());
    gate.opened().await;
    log.push(seen());
    yield_now().await;
    log.push(seen());
    42
}

#[test]
fn sd_18_blocking_on_detached_work_while_owning_the_turn_completes() {
    #[context_async(Request, allow(blocking))]
    async fn index_sync(log: Log, gate: Gate) -> u32 {
        let work = spawn_detached(off_the_context(log, gate.clone()));
        let opener = thread::spawn(move || gate.open());
        let result = sync_code(work).unwrap();
        opener.join().unwrap();
        assert_eq!(seen(), "ada");
        result
    }

    watchdog(|| {
        let runtime = pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let log = Log::new();
        // A thread of no runtime: the turn is its own, and blocking stops nobody else.
        let result = block_on(context.run(index_sync(log.clone(), Gate::new())));
        assert_eq!(result, 42);
        for line in log.take() {
            assert_eq!(line, "detached");
        }
    });
}

#[test]
fn sd_18_a_detached_fn_blocked_on_in_place_completes_and_sees_no_context() {
    #[context_async(Request)]
    async fn index_sync(log: Log, gate: Gate) -> u32 {
        let block = || block_on(off_the_context(log, gate));
        block()
    }

    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let (log, gate) = (Log::new(), Gate::new());
        gate.open();
        let result = block_on(context.run(index_sync(log.clone(), gate)));
        assert_eq!(result, 42);
        assert_eq!(log.take(), ["detached", "detached", "detached"]);
    });
}

#[context_async(Request)]
async fn blocks_on_spawned() -> Result<u32, JoinError> {
    sync_code(scheduler!().spawn(count()))
}

#[test]
fn a_turn_held_below_the_turn_of_another_context_is_own_too() {
    #[context_async(u32)]
    async fn in_another_context(outer: Scheduler<Request>) -> Result<u32, JoinError> {
        sync_code(outer.spawn(count()))
    }

    #[context_async(Request)]
    async fn through(other: RequestContext<u32>) -> Result<u32, JoinError> {
        other.run(in_another_context(scheduler!())).await
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(7);
        let error = context.run(through(other)).await.unwrap_err();
        assert!(error.is_deadlock());
        assert_eq!(error.context_id(), Some(context.id()));
        assert!(
            error.to_string().contains("holds the context's turn"),
            "{error}"
        );
        context.idle().await.unwrap();
    });
}

#[test]
fn a_turn_is_own_in_detached_parts_and_fns_too() {
    #[detached]
    async fn detached_fn(outer: Scheduler<Request>) -> Result<u32, JoinError> {
        sync_code(outer.spawn(count()))
    }

    #[context_async(Request)]
    async fn body() -> [Result<u32, JoinError>; 2] {
        let outer = scheduler!();
        let in_fn = detached_fn(outer.clone()).await;
        #[detached]
        let in_part = sync_code(outer.spawn(count()));
        [in_fn, in_part]
    }

    // A plain thread, where only the turn is in the way.
    watchdog(|| {
        let runtime = pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        for result in block_on(context.run(body())) {
            let error = result.unwrap_err();
            assert!(
                error.to_string().contains("holds the context's turn"),
                "{error}"
            );
        }
    });
}

#[test]
fn blocking_on_a_posted_closure_on_own_turn_is_an_error_at_once() {
    #[context_async(Request)]
    async fn body() -> Result<(), JoinError> {
        sync_code(scheduler!().post(Request::increment))
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        assert!(context.run(body()).await.unwrap_err().is_deadlock());
        context.idle().await.unwrap();
        assert_eq!(context.run(count()).await, 1);
    });
}

#[test]
fn blocking_on_finished_work_gives_its_result_even_on_own_turn() {
    #[context_async(Request)]
    async fn body() -> u32 {
        let counting = scheduler!().spawn(count());
        while !counting.is_finished() {
            yield_now().await;
        }
        sync_code(counting).unwrap()
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(context.run(body()).await, 0);
    });
}

fn spawned(context: &RequestContext<Request>) -> (JoinHandle<u32>, Gate) {
    let gate = Gate::new();
    let handle = context
        .scheduler()
        .spawn(item(Arc::default(), gate.clone()));
    (handle, gate)
}

#[test]
fn blk_13_blocking_on_an_async_worker_is_an_error_at_once() {
    async fn blocks(context: RequestContext<Request>) {
        let (handle, gate) = spawned(&context);
        let error = sync_code(handle).unwrap_err();
        assert!(error.is_deadlock());
        assert_eq!(error.context_id(), Some(context.id()));
        assert!(error.to_string().contains("runs async tasks"), "{error}");
        // The check took nothing of the task's budget for good.
        for _ in 0..1000 {
            yield_now().await;
        }
        gate.open();
        context.idle().await.unwrap();
    }

    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        tokio::spawn(blocks(context)).await.unwrap();
    });
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        tokio::spawn(blocks(context)).await.unwrap();
    });
}

#[test]
fn blocking_on_detached_work_on_an_async_worker_is_an_error_at_once() {
    on_pool!(1, async {
        let error = tokio::spawn(async { sync_code(spawn_detached(std::future::pending::<()>())) })
            .await
            .unwrap()
            .unwrap_err();
        assert!(error.is_deadlock());
        assert_eq!(error.context_id(), None);
    });
}

#[test]
fn blocking_in_the_turn_of_another_context_on_an_async_worker_is_an_error_at_once() {
    #[context_async(u32)]
    async fn body(context: RequestContext<Request>) -> JoinError {
        let (handle, gate) = spawned(&context);
        let error = sync_code(handle).unwrap_err();
        gate.open();
        error
    }

    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(7);
        let error = other
            .scheduler()
            .spawn(body(context.clone()))
            .await
            .unwrap();
        assert!(error.to_string().contains("runs async tasks"), "{error}");
        context.idle().await.unwrap();
    });
}

#[test]
fn blocking_where_blocking_is_fine_waits_for_the_result() {
    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));

        let (handle, gate) = spawned(&context);
        let joined = tokio::task::spawn_blocking(|| sync_code(handle));
        gate.open();
        assert_eq!(joined.await.unwrap().unwrap(), 1);

        let (handle, gate) = spawned(&context);
        let joined = tokio::spawn(async move {
            block_in_place(|| {
                gate.open();
                sync_code(handle)
            })
        });
        assert_eq!(joined.await.unwrap().unwrap(), 2);

        let (handle, gate) = spawned(&context);
        let joined = thread::spawn(|| sync_code(handle));
        gate.open();
        let joined = tokio::task::spawn_blocking(|| joined.join()).await.unwrap();
        assert_eq!(joined.unwrap().unwrap(), 3);
    });
}

#[test]
fn blocking_gives_the_panic_and_the_abort_as_awaiting_does() {
    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let panicking: JoinHandle<()> = context.scheduler().post(|_| panic!("lost"));
        let (aborted, _gate) = spawned(&context);
        aborted.abort();
        tokio::task::spawn_blocking(|| {
            let payload = sync_code(panicking).unwrap_err().into_panic();
            assert_eq!(request_context_tests::message(&*payload), "lost");
            assert!(sync_code(aborted).unwrap_err().is_cancelled());
        })
        .await
        .unwrap();
        context.idle().await.unwrap();
    });
}

#[test]
fn a_refused_join_of_a_polled_handle_leaves_the_work_running() {
    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let (handle, gate) = spawned(&context);
        let mut handle = Box::new(handle);
        assert!(request_context_tests::poll_once(pin!(&mut *handle)).is_pending());
        let error = tokio::spawn(async move { sync_code(*handle) })
            .await
            .unwrap();
        assert!(error.unwrap_err().is_deadlock());
        gate.open();
        context.idle().await.unwrap();
        assert_eq!(context.run(count()).await, 1);
    });
}
