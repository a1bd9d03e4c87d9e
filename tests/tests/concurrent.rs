//! Contexts whose work runs in parallel.

use std::{
    future::pending,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use request_context::{
    Fork, JoinError, JoinHandle, RequestContext, attach, context, context_async, detached,
    scheduler, try_with,
};
use request_context_tests::{
    OnDrop, block_on, cancelled, on_one_thread, on_pool, one_thread, outstanding, pool,
    stress_on_pool, watchdog,
};
use tokio::task::yield_now;

#[derive(Default)]
struct Shared {
    count: AtomicU32,
    _alive: Arc<()>,
}

impl Fork for Shared {
    fn fork(&self) -> Self {
        Shared::default()
    }
}

fn visible() -> bool {
    try_with::<Shared, _>(|_| ()).is_ok()
}

#[context_async(Shared)]
async fn increment() -> u32 {
    yield_now().await;
    context!().count.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn work_runs_in_parallel() {
    #[context_async(Shared, allow(blocking))]
    async fn meets(both: Arc<Barrier>) {
        // Passes only if another thread is in the context at the same time.
        both.wait();
        assert!(visible());
    }

    on_pool!(2, async {
        let context = RequestContext::concurrent(Shared::default());
        let both = Arc::new(Barrier::new(2));
        let scheduler = context.scheduler();
        let first = scheduler.spawn(meets(both.clone()));
        let second = scheduler.spawn(meets(both));
        first.await.unwrap();
        second.await.unwrap();
        context.idle().await.unwrap();
    });
}

#[test]
fn all_calls_are_those_of_a_serial_context() {
    #[detached]
    async fn off() -> bool {
        visible()
    }

    #[context_async(Shared)]
    async fn index() -> (u32, bool) {
        let (a, b) = tokio::join!(increment(), increment());
        let c = Box::pin(attach!(increment())).await;
        let d = scheduler!().spawn(increment()).await.unwrap();
        let e = scheduler!()
            .post(|shared| shared.count.fetch_add(1, Ordering::Relaxed))
            .await
            .unwrap();
        (a + b + c + d + e, off().await)
    }

    on_pool!(2, async {
        let context = RequestContext::concurrent(Shared::default());
        assert_eq!(context.run(index()).await, (10, false));
        let count = |shared: &Shared| shared.count.load(Ordering::Relaxed);
        assert_eq!(context.scheduler().blocking_send(count), Ok(5));
        assert!(!visible());
        drop(context.scheduler().post(|_| panic!("lost")));
        let panicked = context.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["lost"]);
        context.close();
        let closed = context.scheduler().spawn(increment()).await;
        assert!(closed.unwrap_err().is_closed());
    });
}

#[test]
fn a_suspended_turn_holds_nobody_up_and_destructors_see_the_context() {
    #[context_async(Shared)]
    async fn never(seen: Arc<AtomicU32>) {
        let _local = OnDrop::new(move || {
            if visible() {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        std::future::pending::<()>().await;
    }

    on_one_thread!(async {
        let context = RequestContext::concurrent(Shared::default());
        let seen = Arc::new(AtomicU32::new(0));
        let stuck = context.scheduler().spawn(never(seen.clone()));
        assert_eq!(context.run(increment()).await, 0);
        stuck.abort();
        assert!(stuck.await.unwrap_err().is_cancelled());
        context.idle().await.unwrap();
        assert_eq!(seen.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn blocking_on_work_of_the_own_context_waits_as_it_needs_no_turn() {
    fn joins(handle: JoinHandle<u32>) -> Result<u32, JoinError> {
        tokio::task::block_in_place(|| handle.blocking_join())
    }

    #[context_async(Shared)]
    async fn index() -> Result<u32, JoinError> {
        joins(scheduler!().spawn(increment()))
    }

    on_pool!(2, async {
        let context = RequestContext::concurrent(Shared::default());
        let joined = context.scheduler().spawn(index()).await.unwrap();
        assert_eq!(joined.unwrap(), 0);
    });
}

#[test]
fn a_runtime_that_shuts_down_drops_its_work_on_the_context() {
    watchdog(|| {
        let runtime = pool!(2);
        let seen = Arc::new(AtomicU32::new(0));
        let context = {
            let _entered = runtime.enter();
            RequestContext::concurrent(Shared::default())
        };
        drop(runtime);
        let on_drop = seen.clone();
        let local = OnDrop::new(move || {
            if visible() {
                on_drop.fetch_add(1, Ordering::Relaxed);
            }
        });
        let handle = context.scheduler().post(move |_| drop(local));
        assert!(handle.is_finished());
        assert!(handle.blocking_join().unwrap_err().is_cancelled());
        assert_eq!(seen.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn ten_thousand_pieces_of_work_are_counted_exactly() {
    stress_on_pool!(2, async {
        let context = RequestContext::concurrent(Shared::default());
        for _ in 0..10_000 {
            drop(context.scheduler().spawn(increment()));
        }
        context.idle().await.unwrap();
        let count = context
            .scheduler()
            .blocking_send(|shared| shared.count.load(Ordering::Relaxed));
        assert_eq!(count, Ok(10_000));
    });
}

/// Sees on its end whether it is on its context.
fn counts_its_end(ends: &Arc<AtomicU32>) -> OnDrop<impl FnOnce() + Send + use<>> {
    let ends = ends.clone();
    OnDrop::new(move || {
        assert!(visible());
        ends.fetch_add(1, Ordering::Relaxed);
    })
}

#[test]
fn a_shutdown_ends_what_is_suspended_and_what_comes_later_on_the_context() {
    watchdog(|| {
        for workers in [1, 4] {
            let runtime = pool!(workers);
            let alive = Arc::new(());
            let state = Shared {
                _alive: alive.clone(),
                ..Shared::default()
            };
            let context = {
                let _entered = runtime.enter();
                RequestContext::concurrent(state)
            };
            let scheduler = context.scheduler();
            let (begun, ends) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
            let suspended = [(); 10].map(|()| {
                let (begun, end) = (begun.clone(), counts_its_end(&ends));
                scheduler.spawn(async move {
                    let _end = end;
                    begun.fetch_add(1, Ordering::Relaxed);
                    pending::<()>().await;
                })
            });
            while begun.load(Ordering::Relaxed) != 10 {
                thread::yield_now();
            }
            assert_eq!(ends.load(Ordering::Relaxed), 0);
            drop(runtime);
            assert_eq!(ends.load(Ordering::Relaxed), 10);
            suspended.into_iter().for_each(cancelled);

            let end = counts_its_end(&ends);
            cancelled(scheduler.spawn(async move { drop(end) }));
            let end = counts_its_end(&ends);
            cancelled(scheduler.post(move |_| drop(end)));
            assert_eq!(ends.load(Ordering::Relaxed), 12);
            assert_eq!(outstanding(&context), 0);
            block_on(context.idle()).unwrap();
            drop((context, scheduler));
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    });
}

#[test]
fn a_shutdown_ends_a_post_that_alone_keeps_its_context() {
    #[context_async(Shared)]
    async fn fork_here() -> RequestContext<Shared> {
        scheduler!().fork().unwrap()
    }

    watchdog(|| {
        for forks in [false, true] {
            let runtime = one_thread!();
            let ends = Arc::new(AtomicU32::new(0));
            let end = counts_its_end(&ends);
            let (parent, posted) = runtime.block_on(async {
                let parent = RequestContext::concurrent(Shared::default());
                let context = match forks {
                    true => parent.run(fork_here()).await,
                    false => RequestContext::concurrent(Shared::default()),
                };
                let scheduler = context.scheduler();
                // It has suspended once, and the context learns of the shutdown.
                scheduler.spawn(yield_now()).await.unwrap();
                yield_now().await;
                (parent, scheduler.post(move |_| drop(end)))
            });
            assert_eq!(ends.load(Ordering::Relaxed), 0);
            drop(runtime);
            assert_eq!(ends.load(Ordering::Relaxed), 1);
            cancelled(posted);
            assert_eq!(outstanding(&parent), 0);
            block_on(parent.idle()).unwrap();
        }
    });
}

#[test]
fn a_shutdown_drops_every_piece_of_work_exactly_once() {
    const WORK: u32 = 1_000;

    watchdog(|| {
        for _ in 0..10 {
            let runtime = pool!(4);
            let context = {
                let _entered = runtime.enter();
                RequestContext::concurrent(Shared::default())
            };
            let ends = Arc::new(AtomicU32::new(0));
            let work: Vec<_> = (0..WORK)
                .map(|i| {
                    let end = counts_its_end(&ends);
                    match i % 3 {
                        0 => context.scheduler().post(move |_| drop(end)),
                        _ => context.scheduler().spawn(async move {
                            let _end = end;
                            for _ in 0..i % 5 {
                                yield_now().await;
                            }
                            if i % 7 == 0 {
                                pending::<()>().await;
                            }
                        }),
                    }
                })
                .collect();
            drop(runtime);
            for work in work {
                if let Err(error) = block_on(work) {
                    assert!(error.is_cancelled());
                }
            }
            block_on(context.idle()).unwrap();
            assert_eq!(ends.load(Ordering::Relaxed), WORK);
        }
    });
}
