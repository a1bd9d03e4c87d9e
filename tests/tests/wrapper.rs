//! The articles' way round a library that only runs closures off the context: post back from there.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use request_context::{
    JoinHandle, RequestContext, Scheduler, context, context_async, detached, scheduler,
};
use request_context_tests::{Log, Request, ambient, on_pool, seen};
use tokio::runtime::Handle;

/// The library: it knows nothing of contexts, and runs what it is given on a thread of its own.
async fn run_detached<R: Send + 'static>(closure: impl FnOnce() -> R + Send + 'static) -> R {
    tokio::task::spawn_blocking(closure).await.unwrap()
}

#[test]
fn sd_32_a_callback_posted_from_detached_work_sees_the_context() {
    #[context_async(Request)]
    async fn index(log: Log) {
        let (scheduler, callbacks_log) = (scheduler!(), log.clone());
        let pool = Handle::current().id();
        let callback = run_detached(move || {
            callbacks_log.push(format!("closure: {}", seen()));
            assert!(Scheduler::<Request>::from_current().is_err());
            let posted_to = scheduler.clone();
            scheduler.post(move |request| {
                callbacks_log.push(format!("callback: {} of {}", seen(), request.user));
                assert_eq!(Scheduler::from_current().unwrap(), posted_to);
                // What executes it is the plain pool, for all that.
                assert_eq!(Handle::current().id(), pool);
                assert_eq!(thread::current().name(), Some("pool"));
            })
        })
        .await;
        log.push(format!("after the wrapper: {}", seen()));
        callback.await.unwrap();
        log.push(format!("after the callback: {}", context!().user));
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        for _ in 0..50 {
            let log = Log::new();
            context.run(index(log.clone())).await;
            let mut log = log.take();
            assert_eq!(log.remove(0), "closure: never");
            assert_eq!(log.pop().unwrap(), "after the callback: ada");
            // These two race, and the handle is what orders them.
            log.sort();
            assert_eq!(log, ["after the wrapper: ada", "callback: ada of ada"]);
        }
    });
}

struct Flagged {
    flag: Cell<bool>,
}

#[context_async(Flagged)]
async fn posts_back() -> JoinHandle<()> {
    let scheduler = scheduler!();
    run_detached(move || {
        // Runs when the caller's turn is over: from here on the caller is suspended.
        scheduler.post(|_| ()).blocking_join().unwrap();
        scheduler.post(|state: &Flagged| {
            // What it has to do before the flag.
            for _ in 0..100 {
                thread::yield_now();
            }
            state.flag.set(true);
        })
    })
    .await
}

#[test]
fn sd_33_the_handle_of_a_posted_callback_resolves_after_it_has_run() {
    #[context_async(Flagged)]
    async fn index() -> bool {
        context!().flag.set(false);
        posts_back().await.await.unwrap();
        context!().flag.get()
    }

    on_pool!(4, async {
        let context = RequestContext::new(Flagged {
            flag: Cell::new(false),
        });
        for _ in 0..100 {
            assert!(context.run(index()).await);
        }
    });
}

#[test]
fn sd_33_spawned_work_that_awaits_the_poster_goes_on_after_what_was_posted() {
    #[context_async(Flagged)]
    async fn index() -> bool {
        context!().flag.set(false);
        drop(posts_back().await);
        // Queued when the poster ended, behind what it had posted before.
        context!().flag.get()
    }

    on_pool!(4, async {
        let context = RequestContext::new(Flagged {
            flag: Cell::new(false),
        });
        for _ in 0..100 {
            assert!(context.scheduler().spawn(index()).await.unwrap());
        }
    });
}

#[test]
fn sd_34_awaited_detached_the_handle_still_resolves_after_the_callback() {
    #[context_async(Request)]
    async fn index(flag: Arc<AtomicBool>) {
        let (scheduler, sets) = (scheduler!(), flag.clone());
        #[detached]
        {
            let callback = run_detached(move || {
                scheduler.post(move |request| {
                    assert_eq!(ambient().unwrap(), request.user);
                    sets.store(true, Ordering::Relaxed);
                })
            })
            .await;
            // Whether the flag is set here is anybody's guess.
            assert_eq!(seen(), "detached");
            callback.await.unwrap();
            assert_eq!(seen(), "detached");
            assert!(flag.load(Ordering::Relaxed));
        }
        assert_eq!(seen(), "ada");
    }

    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        for _ in 0..100 {
            context.run(index(Arc::default())).await;
        }
    });
}
