//! The wakers of spawned work, and those of its handle.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    thread,
};

use request_context::{RequestContext, context_async};
use request_context_tests::{
    CountingWaker, Gate, Log, OnDrop, PanickingWaker, Request, on_one_thread, poll_once, seen,
    sees_on_drop,
};
use tokio::task::yield_now;

/// Runs `wake` in its first poll, and ends in its second one.
#[context_async(Request)]
async fn wakes_itself(log: Log, wake: impl FnOnce(&Waker) + Send) {
    let mut wake = Some(wake);
    poll_fn(|cx| {
        log.push(seen());
        let Some(wake) = wake.take() else {
            return Poll::Ready(());
        };
        wake(cx.waker());
        Poll::Pending
    })
    .await;
}

/// What a poll leaves of itself, and what there is of its waker.
type Kept = Arc<Mutex<Option<Waker>>>;

#[context_async(Request)]
async fn leaves_its_waker(kept: Kept, log: Log) {
    let _sees = sees_on_drop(&log);
    poll_fn(|cx| {
        *kept.lock().unwrap() = Some(cx.waker().clone());
        Poll::<()>::Pending
    })
    .await;
}

async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

/// How often work is polled that is woken so in its first poll.
fn polls(wake: impl FnOnce(&Waker) + Send + 'static) -> usize {
    on_one_thread!(async {
        let (context, log) = (RequestContext::new(Request::of("ada")), Log::new());
        let work = context.scheduler().spawn(wakes_itself(log.clone(), wake));
        work.await.unwrap();
        settle().await;
        log.len()
    })
}

#[test]
fn work_that_wakes_itself_is_polled_once_more_however_often_it_does() {
    assert_eq!(polls(Waker::wake_by_ref), 2);
    assert_eq!(polls(|waker| (0..3).for_each(|_| waker.wake_by_ref())), 2);
    let by_a_clone = |waker: &Waker| {
        let clone = waker.clone();
        clone.wake();
    };
    assert_eq!(polls(by_a_clone), 2);
}

#[test]
fn work_that_another_thread_wakes_while_it_is_polled_is_polled_once_more() {
    fn elsewhere(waker: &Waker) {
        let waker = waker.clone();
        thread::spawn(move || waker.wake()).join().unwrap();
    }

    assert_eq!(polls(elsewhere), 2);
    assert_eq!(
        polls(|waker| {
            elsewhere(waker);
            waker.wake_by_ref();
            elsewhere(waker);
        }),
        2
    );
}

#[test]
fn work_that_is_woken_in_the_turn_of_other_work_runs_after_that() {
    #[context_async(Request)]
    async fn wakes_another(kept: Kept, log: Log) {
        let waker = kept.lock().unwrap().take().unwrap();
        log.push("wakes");
        waker.wake();
        log.push("has woken");
    }

    on_one_thread!(async {
        let (context, log) = (RequestContext::new(Request::of("ada")), Log::new());
        let kept = Kept::default();
        let keeping = kept.clone();
        let waits = wakes_itself(log.clone(), move |waker: &Waker| {
            *keeping.lock().unwrap() = Some(waker.clone());
        });
        let waits = context.scheduler().spawn(waits);
        settle().await;
        let wakes = context.scheduler().spawn(wakes_another(kept, log.clone()));
        waits.await.unwrap();
        wakes.await.unwrap();
        assert_eq!(log.take(), ["ada", "wakes", "has woken", "ada"]);
    });
}

#[test]
fn work_ends_on_its_context_when_the_last_one_goes_who_could_wake_it() {
    on_one_thread!(async {
        let (context, log) = (RequestContext::new(Request::of("ada")), Log::new());
        // Nobody can cancel it, and wake it with that.
        let scheduler = context.scheduler();
        drop(context);

        let kept = Kept::default();
        let work = scheduler.spawn(leaves_its_waker(kept.clone(), log.clone()));
        settle().await;
        drop(work);
        settle().await;
        assert!(log.is_empty(), "its waker is there");
        let waker = kept.lock().unwrap().take();
        thread::spawn(move || drop(waker)).join().unwrap();
        settle().await;
        assert_eq!(log.take(), ["ada"]);

        let work = scheduler.spawn(leaves_its_waker(kept.clone(), log.clone()));
        settle().await;
        kept.lock().unwrap().take();
        settle().await;
        assert!(log.is_empty(), "its handle is there");
        drop(work);
        settle().await;
        assert_eq!(log.take(), ["ada"]);
    });
}

#[test]
fn a_waker_that_outlives_its_work_and_its_context_does_nothing() {
    let kept = Kept::default();
    let keeping = kept.clone();
    on_one_thread!(async move {
        let (context, log) = (RequestContext::new(Request::of("ada")), Log::new());
        let work = context
            .scheduler()
            .spawn(leaves_its_waker(keeping, log.clone()));
        settle().await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["ada"]);
    });
    let waker = kept.lock().unwrap().take().unwrap();
    waker.wake_by_ref();
    assert!(waker.will_wake(&waker.clone()));
    waker.wake();
}

#[test]
fn all_wakers_of_work_are_known_to_wake_the_same() {
    #[context_async(Request)]
    async fn compares() -> bool {
        let mut first: Option<Waker> = None;
        poll_fn(|cx| match &first {
            Some(first) => Poll::Ready(first.will_wake(cx.waker())),
            None => {
                first = Some(cx.waker().clone());
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        assert!(context.scheduler().spawn(compares()).await.unwrap());
    });
}

#[test]
fn who_polls_a_handle_last_is_woken_and_no_one_else() {
    on_one_thread!(async {
        let (context, gate) = (RequestContext::new(Request::of("ada")), Gate::new());
        let mut work = pin!(context.scheduler().spawn(gate.opened()));
        let wakers = [(); 2].map(|()| CountingWaker::new());
        for counting in [0, 1, 1].map(|i| wakers[i].clone()) {
            let waker = Waker::from(counting);
            let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        gate.open();
        context.idle().await.unwrap();
        assert_eq!(wakers.map(|waker| waker.count()), [0, 1]);
        work.await.unwrap();
    });
}

#[test]
fn a_waker_of_a_handle_that_panics_leaves_the_result_and_the_context() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let mut work = pin!(context.scheduler().spawn(async { 3 }));
        let waker = PanickingWaker::waker();
        let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        assert_eq!(context.scheduler().spawn(async { 4 }).await.unwrap(), 4);
        assert_eq!(work.await.unwrap(), 3);
        context.idle().await.unwrap();
    });
}

#[test]
fn a_result_that_nobody_wants_is_dropped_on_the_context_and_one_that_is_there_by_its_handle() {
    /// Its waker stays, and with it the place of the result.
    async fn results_in<R>(result: R, kept: Kept) -> R {
        poll_fn(|cx| {
            *kept.lock().unwrap() = Some(cx.waker().clone());
            Poll::Ready(())
        })
        .await;
        result
    }

    on_one_thread!(async {
        let (context, log) = (RequestContext::new(Request::of("ada")), Log::new());
        let kept = [(); 2].map(|()| Kept::default());
        let unwanted = results_in(sees_on_drop(&log), kept[0].clone());
        drop(context.scheduler().spawn(unwanted));
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["ada"]);

        let logged = log.clone();
        let result = OnDrop::new(move || logged.push("dropped"));
        let work = results_in(result, kept[1].clone());
        let work = context.scheduler().spawn(work);
        context.idle().await.unwrap();
        assert!(log.is_empty());
        drop(work);
        assert_eq!(log.take(), ["dropped"]);
    });
}

#[test]
fn a_handle_that_is_dropped_while_it_waits_lets_the_work_go_on() {
    on_one_thread!(async {
        let (context, log) = (RequestContext::new(Request::of("ada")), Log::new());
        let gate = Gate::new();
        let (opened, logged) = (gate.opened(), log.clone());
        let mut work = context.scheduler().spawn(async move {
            opened.await;
            logged.push("went on");
        });
        assert!(poll_once(pin!(&mut work)).is_pending());
        drop(work);
        gate.open();
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["went on"]);
    });
}
