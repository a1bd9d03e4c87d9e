//! `close`: what comes after it is dropped unexecuted, what came before goes on.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use request_context::{RequestContext, SendError, context, context_async, scheduler};
use request_context_tests::{Gate, Request, on_one_thread, on_pool, stress_on_pool};

#[test]
fn life_01_and_post_26_after_close_work_is_dropped_unexecuted_and_its_handle_says_so() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        assert!(!context.is_closed());
        context.close();
        assert!(context.is_closed());

        let owned = Arc::new(());
        let weak = Arc::downgrade(&owned);
        let handle = scheduler.post(move |_| drop(owned));
        assert!(weak.upgrade().is_none(), "dropped on the caller, at once");
        let error = handle.await.unwrap_err();
        assert!(error.is_closed() && !error.is_cancelled() && !error.is_panic());
        assert_eq!(error.context_id(), Some(context.id()));
        assert!(error.to_string().contains("closed"), "{error}");

        let spawned = scheduler.spawn(async { unreachable!("never polled") });
        assert!(spawned.is_finished());
        assert!(
            spawned
                .blocking_join()
                .map(|(): ()| ())
                .unwrap_err()
                .is_closed()
        );
        assert_eq!(
            scheduler.blocking_send(|_| ()),
            Err(SendError::Closed(context.id()))
        );
        context.idle().await.unwrap();
    });
}

#[test]
fn work_accepted_before_the_close_goes_on_and_idle_waits_for_it() {
    #[context_async(Request)]
    async fn waits(gate: Gate) -> bool {
        gate.opened().await;
        context!().increment();
        // It cannot start more.
        scheduler!().post(|_| ()).await.unwrap_err().is_closed()
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        let handle = context.scheduler().spawn(waits(gate.clone()));
        context.close();
        let mut idle = Box::pin(context.idle());
        assert!(futures::poll!(idle.as_mut()).is_pending());
        gate.open();
        idle.await.unwrap();
        assert!(handle.await.unwrap());
    });
}

#[test]
fn run_is_no_submission_and_still_works() {
    #[context_async(Request)]
    async fn user() -> String {
        context!().user.clone()
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        context.close();
        assert_eq!(context.run(user()).await, "ada");
    });
}

#[test]
fn a_closed_context_keeps_its_state_no_longer_than_its_handles() {
    on_one_thread!(async {
        let state = Arc::new(());
        let weak: Weak<()> = Arc::downgrade(&state);
        let context = RequestContext::new(state);
        context.close();
        let handle = context.scheduler().post(|_| ());
        drop(context);
        assert!(weak.upgrade().is_none());
        assert!(handle.await.unwrap_err().is_closed());
    });
}

#[test]
fn post_21_a_hundred_thousand_posts_racing_a_close_all_resolve() {
    const POSTERS: usize = 4;
    const POSTS: usize = 25_000;

    stress_on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let executed = Arc::new(AtomicUsize::new(0));
        let posters: Vec<_> = (0..POSTERS)
            .map(|_| {
                let (scheduler, executed) = (context.scheduler(), executed.clone());
                thread::spawn(move || {
                    let post = || {
                        let executed = executed.clone();
                        scheduler.post(move |_| executed.fetch_add(1, Ordering::Relaxed))
                    };
                    (0..POSTS).map(|_| post()).collect::<Vec<_>>()
                })
            })
            .collect();
        while executed.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        context.close();
        context.idle().await.unwrap();
        // All that was accepted before the close has been waited for.
        let after_idle = executed.load(Ordering::Relaxed);

        let (mut ok, mut closed) = (0, 0);
        for poster in posters {
            for handle in poster.join().unwrap() {
                match handle.await {
                    Ok(_) => ok += 1,
                    Err(error) => {
                        assert!(error.is_closed(), "{error}");
                        closed += 1;
                    }
                }
            }
        }
        assert_eq!(ok + closed, POSTERS * POSTS);
        assert_eq!(ok, after_idle);
        assert_eq!(ok, executed.load(Ordering::Relaxed));
    });
}
