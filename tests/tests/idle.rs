//! `idle`: all work started on a context has ended, and what of it failed.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures::FutureExt;
use request_context::{JoinHandle, Panicked, RequestContext, context, context_async, scheduler};
use request_context_tests::{
    CountingWaker, Gate, OnDrop, Request, message, on_one_thread, on_pool, poll_once,
};
use tokio::task::yield_now;

#[context_async(Request)]
async fn after(gate: Gate) {
    gate.opened().await;
    context!().increment();
}

#[context_async(Request)]
async fn panics_after(gate: Gate, text: &'static str) {
    gate.opened().await;
    panic!("{text}");
}

fn texts(result: Result<(), Panicked>) -> Vec<String> {
    match result {
        Ok(()) => Vec::new(),
        Err(panicked) => panicked.messages().map(str::to_owned).collect(),
    }
}

#[test]
fn sd_31_a_request_is_complete_when_all_outstanding_work_is_and_once() {
    #[context_async(Request)]
    async fn handler(gates: [Gate; 2]) -> &'static str {
        for gate in gates {
            drop(scheduler!().spawn(after(gate)));
        }
        "the response"
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gates = [Gate::new(), Gate::new()];
        assert_eq!(context.run(handler(gates.clone())).await, "the response");

        let waker = CountingWaker::new();
        let mut idle = pin!(context.idle());
        let task = Waker::from(waker.clone());
        let mut poll = || idle.as_mut().poll(&mut Context::from_waker(&task));
        assert!(poll().is_pending());
        gates[0].open();
        for _ in 0..5 {
            yield_now().await;
        }
        assert_eq!(waker.count(), 0);
        assert!(poll().is_pending());
        gates[1].open();
        for _ in 0..5 {
            yield_now().await;
        }
        assert_eq!(waker.count(), 1);
        assert!(matches!(poll(), Poll::Ready(Ok(()))));
        assert_eq!(
            context
                .run(async { request_context::try_with(|r: &Request| r.count.get()) })
                .await,
            Ok(2)
        );
    });
}

#[test]
fn a_context_without_work_is_idle_at_once() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        assert!(poll_once(pin!(context.idle())).is_ready());
        drop(context.run(after(Gate::new())));
        assert!(poll_once(pin!(context.idle())).is_ready());
    });
}

#[test]
fn a_suspended_run_is_not_waited_for() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let mut run = pin!(context.run(after(Gate::new())));
        assert!(poll_once(run.as_mut()).is_pending());
        assert!(poll_once(pin!(context.idle())).is_ready());
    });
}

#[test]
fn many_may_wait() {
    const WAITERS: usize = 100;

    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        for _ in 0..20 {
            let gate = Gate::new();
            let (waiting, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            drop(context.scheduler().spawn(after(gate.clone())));
            let waiters: Vec<_> = (0..WAITERS)
                .map(|i| {
                    let (context, waiting, done) = (context.clone(), waiting.clone(), done.clone());
                    tokio::spawn(async move {
                        let mut idle = pin!(context.idle());
                        assert!(poll_once(idle.as_mut()).is_pending());
                        waiting.fetch_add(1, Ordering::SeqCst);
                        // One in ten gives up.
                        if i % 10 != 0 {
                            idle.await.unwrap();
                            done.fetch_add(1, Ordering::SeqCst);
                        }
                    })
                })
                .collect();
            while waiting.load(Ordering::SeqCst) < WAITERS {
                yield_now().await;
            }
            assert_eq!(done.load(Ordering::SeqCst), 0);
            gate.open();
            for waiter in waiters {
                waiter.await.unwrap();
            }
            assert_eq!(done.load(Ordering::SeqCst), WAITERS / 10 * 9);
        }
    });
}

#[test]
fn opc_08_idle_does_not_miss_the_last_completion() {
    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        for i in 0..2_000 {
            let work = context.scheduler().post(Request::increment);
            context.idle().await.unwrap();
            assert!(work.is_finished());
            drop(work);
            let _ = i;
        }
    });
}

#[test]
fn later_work_is_waited_for_by_later_calls() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        for round in 1..=3 {
            let gate = Gate::new();
            drop(context.scheduler().spawn(after(gate.clone())));
            assert!(poll_once(pin!(context.idle())).is_pending());
            gate.open();
            context.idle().await.unwrap();
            assert_eq!(
                context.scheduler().post(|r| r.count.get()).await.unwrap(),
                round
            );
            context.idle().await.unwrap();
        }
    });
}

#[test]
fn work_that_work_starts_is_waited_for_too() {
    #[context_async(Request, boxed)]
    async fn starts_more(left: u32) {
        yield_now().await;
        context!().increment();
        if left > 0 {
            drop(scheduler!().spawn(starts_more(left - 1)));
        }
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        drop(context.scheduler().spawn(starts_more(99)));
        context.idle().await.unwrap();
        assert_eq!(
            context.scheduler().post(|r| r.count.get()).await.unwrap(),
            100
        );
    });
}

#[test]
fn work_has_ended_only_when_its_destructors_have() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        for abort in [false, true] {
            let dropped = Arc::new(AtomicUsize::new(0));
            let sets = dropped.clone();
            let gate = Gate::new();
            let opened = gate.clone();
            let captured = OnDrop::new(move || {
                sets.fetch_add(1, Ordering::SeqCst);
            });
            let work = context.scheduler().spawn(async move {
                let _captured = captured;
                opened.opened().await;
            });
            if abort {
                work.abort();
            } else {
                gate.open();
            }
            context.idle().await.unwrap();
            assert_eq!(dropped.load(Ordering::SeqCst), 1);
            drop(work);
        }
    });
}

#[test]
fn idle_awaited_by_work_that_it_waits_for_panics_and_says_so() {
    #[context_async(Request)]
    async fn waits_for_itself(context: RequestContext<Request>) {
        let _ = context.idle().await;
    }

    #[context_async(u32)]
    async fn through(context: RequestContext<Request>) {
        let _ = context.idle().await;
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(7);
        let says_so = |work: JoinHandle<()>| async {
            let text = message(&*work.await.unwrap_err().into_panic());
            assert!(
                text.contains("`idle` was awaited by work that it waits for"),
                "{text}"
            );
            assert!(text.contains(&context.id().to_string()), "{text}");
        };

        says_so(context.scheduler().spawn(waits_for_itself(context.clone()))).await;
        let inner = context.clone();
        says_so(context.scheduler().post(move |_| {
            let _ = poll_once(pin!(inner.idle()));
        }))
        .await;
        // Also through another context, and through a `run` of its own.
        says_so(
            context
                .scheduler()
                .spawn(other.run(through(context.clone()))),
        )
        .await;
        says_so(
            context
                .scheduler()
                .spawn(context.run(waits_for_itself(context.clone()))),
        )
        .await;

        // Work that is not counted may wait; work of another context too.
        context.run(waits_for_itself(context.clone())).await;
        other
            .scheduler()
            .spawn(through(context.clone()))
            .await
            .unwrap();
        context.idle().await.unwrap();
    });
}

#[test]
fn panics_that_no_handle_takes_come_out_of_idle_in_order() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let gates = ["a", "b", "c", "d"].map(|text| {
            let gate = Gate::new();
            drop(context.scheduler().spawn(panics_after(gate.clone(), text)));
            gate
        });
        // All of them have come to their gates when this has run.
        context.scheduler().post(|_| ()).await.unwrap();
        for ready in [2, 0, 3, 1] {
            gates[ready].open();
        }
        let panicked = context.idle().await.unwrap_err();
        assert_eq!(panicked.context_id(), context.id());
        assert_eq!(
            panicked.messages().collect::<Vec<_>>(),
            ["c", "a", "d", "b"]
        );
        let text = panicked.to_string();
        assert!(text.contains(&context.id().to_string()), "{text}");
        let payloads = panicked.into_payloads();
        assert_eq!(message(&*payloads[3]), "b");
        assert_eq!(payloads.len(), 4);
        // They have been told, once.
        context.idle().await.unwrap();
    });
}

#[test]
fn opc_10_a_panic_is_reported_by_one_wait_and_not_by_the_next() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        drop(context.scheduler().post(|_| panic!("once")));
        assert_eq!(texts(context.idle().await), ["once"]);
        drop(context.scheduler().post(Request::increment));
        context.idle().await.unwrap();
    });
}

#[test]
fn a_panic_that_a_handle_took_is_not_reported() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let work: JoinHandle<()> = context.scheduler().post(|_| panic!("taken"));
        assert!(work.await.unwrap_err().is_panic());
        context.idle().await.unwrap();
    });
}

#[test]
fn a_panic_is_not_reported_while_a_handle_may_take_it() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let work: JoinHandle<()> = context.scheduler().post(|_| panic!("taken"));
        context.idle().await.unwrap();
        assert!(work.await.unwrap_err().is_panic());
        context.idle().await.unwrap();
    });
}

#[test]
fn a_panic_whose_handle_is_dropped_unread_later_is_reported_then() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let work: JoinHandle<()> = context.scheduler().post(|_| panic!("unread"));
        context.idle().await.unwrap();
        drop(work);
        assert_eq!(texts(context.idle().await), ["unread"]);
        context.idle().await.unwrap();
    });
}

#[test]
fn panics_are_reported_in_the_order_in_which_the_work_failed_whenever_handles_are_dropped() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let post = |text: &'static str| -> JoinHandle<()> {
            context.scheduler().post(move |_| panic!("{text}"))
        };
        let first = post("first");
        drop(post("second"));
        let third = post("third");
        drop(post("fourth"));
        while !third.is_finished() {
            yield_now().await;
        }
        yield_now().await;
        drop(third);
        drop(first);
        assert_eq!(
            texts(context.idle().await),
            ["first", "second", "third", "fourth"]
        );
    });
}

#[test]
fn of_many_waiters_one_gets_the_panics() {
    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        for _ in 0..50 {
            let gate = Gate::new();
            drop(
                context
                    .scheduler()
                    .spawn(panics_after(gate.clone(), "once")),
            );
            let waiters: Vec<_> = (0..10).map(|_| tokio::spawn(context.idle())).collect();
            gate.open();
            let mut reports = Vec::new();
            for waiter in waiters {
                reports.extend(texts(waiter.await.unwrap()));
            }
            assert_eq!(reports, ["once"]);
        }
    });
}

#[test]
fn opc_19_a_wait_that_is_given_up_changes_nothing() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        let work = context
            .scheduler()
            .spawn(panics_after(gate.clone(), "kept"));
        for _ in 0..10 {
            assert!(context.idle().now_or_never().is_none());
        }
        assert!(!work.is_finished());
        drop(work);
        gate.open();
        assert_eq!(texts(context.idle().await), ["kept"]);
    });
}
