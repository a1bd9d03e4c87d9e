//! The turn: who goes in at once, who waits, and who is woken.

use std::{
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use request_context::{
    NeedsContext, RequestContext, Scheduler, attach, context, context_async, detached,
    run_on_context, scheduler,
};
use request_context_tests::{
    CountingWaker, Gate, Log, PanickingWaker, Request, block_on, caught, context_on, on_one_thread,
    on_pool, one_thread, poll_once, pool, seen, suspend, watchdog,
};
use tokio::task::yield_now;

#[context_async(Request)]
async fn increments() -> u32 {
    context!().increment();
    context!().count.get()
}

// ---------------------------------------------------------------- inline

#[test]
fn run_on_the_own_context_goes_in_at_once() {
    #[context_async(Request)]
    async fn body() -> u32 {
        scheduler!().run(increments()).await + 1
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(poll_once(pin!(context.run(body()))), Poll::Ready(2));
        let nested = context.run(context.run(context.run(increments())));
        assert_eq!(poll_once(pin!(nested)), Poll::Ready(2));
        assert_eq!(
            poll_once(pin!(run_on_context(&context, increments()))),
            Poll::Ready(3)
        );
    });
}

#[test]
fn run_on_the_own_context_goes_in_at_once_from_a_detached_fn_and_part() {
    #[detached]
    async fn detached_fn(scheduler: Scheduler<Request>) -> u32 {
        assert_eq!(seen(), "detached");
        let count = scheduler.run(increments()).await;
        assert_eq!(seen(), "detached");
        count
    }

    #[context_async(Request)]
    async fn body() -> u32 {
        let scheduler = scheduler!();
        detached_fn(scheduler.clone()).await;
        #[detached]
        let count = scheduler.run(increments()).await;
        count
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(poll_once(pin!(context.run(body()))), Poll::Ready(2));
    });
}

#[test]
fn run_on_the_own_context_goes_in_at_once_through_other_contexts() {
    #[context_async(u32)]
    async fn in_another(outer: Scheduler<Request>) -> u32 {
        outer.run(increments()).await + *context!()
    }

    #[context_async(Request)]
    async fn body(other: RequestContext<u32>, third: RequestContext<u32>) -> u32 {
        let through_two = other.run(third.run(scheduler!().run(increments()))).await;
        through_two + other.run(in_another(scheduler!())).await
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (other, third) = (RequestContext::new(10), RequestContext::new(20));
        assert_eq!(
            poll_once(pin!(context.run(body(other, third)))),
            Poll::Ready(1 + 2 + 10)
        );
    });
}

#[test]
fn run_on_the_own_context_goes_in_at_once_from_spawned_and_posted_work() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let inner = context.clone();
        let posted = context
            .scheduler()
            .post(move |_| poll_once(pin!(inner.run(increments()))));
        assert_eq!(posted.await.unwrap(), Poll::Ready(1));
        let inner = context.clone();
        let spawned = context.scheduler().spawn(async move {
            let mut run = pin!(inner.run(increments()));
            poll_once(run.as_mut())
        });
        assert_eq!(spawned.await.unwrap(), Poll::Ready(2));
    });
}

#[test]
fn a_turn_is_not_held_across_an_await() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let mut suspended = pin!(context.run(pending::<()>()));
        assert!(poll_once(suspended.as_mut()).is_pending());
        assert_eq!(poll_once(pin!(context.run(increments()))), Poll::Ready(1));
    });
}

// ---------------------------------------------------------------- waiting

/// Runs `during` on another thread while this one holds the turn.
fn while_held<R: Send + 'static>(
    context: &RequestContext<Request>,
    during: impl FnOnce() -> R + Send + 'static,
) -> R {
    let held = context.run(async move { thread::spawn(during).join() });
    let Poll::Ready(result) = poll_once(pin!(held)) else {
        panic!("the turn was not free");
    };
    result.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

type Run = Pin<Box<dyn Future<Output = u32> + Send>>;

/// A `run` that has found the turn taken, and left `waker`.
fn waiting(context: &RequestContext<Request>, waker: Waker) -> Run {
    let mut run: Run = Box::pin(context.run(increments()));
    while_held(context, move || {
        assert!(
            run.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        run
    })
}

#[test]
fn a_woken_run_that_nobody_polls_blocks_nobody() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let waker = CountingWaker::new();
        let mut lazy = waiting(&context, waker.clone().into());
        assert_eq!(waker.count(), 1);

        assert_eq!(poll_once(pin!(context.run(increments()))), Poll::Ready(1));
        assert_eq!(context.scheduler().spawn(increments()).await.unwrap(), 2);
        context.scheduler().post(Request::increment).await.unwrap();
        // And it has lost nothing by it.
        assert_eq!(poll_once(lazy.as_mut()), Poll::Ready(4));
    });
}

#[test]
fn a_run_that_waits_is_woken_once_for_each_time_it_was_polled() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let waker = CountingWaker::new();
        let mut run: Run = Box::pin(context.run(increments()));
        for round in 1..=3 {
            let (poller, counter) = (Waker::from(waker.clone()), waker.clone());
            run = while_held(&context, move || {
                for _ in 0..2 {
                    assert!(
                        run.as_mut()
                            .poll(&mut Context::from_waker(&poller))
                            .is_pending()
                    );
                }
                assert_eq!(counter.count(), round - 1);
                run
            });
            assert_eq!(waker.count(), round);
        }
    });
}

#[test]
fn a_run_that_is_dropped_while_it_waits_is_not_woken_and_blocks_nobody() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let (waker, other) = (CountingWaker::new(), CountingWaker::new());
        let mut dropped: Run = Box::pin(context.run(increments()));
        let mut kept: Run = Box::pin(context.run(increments()));
        let (first, second) = (Waker::from(waker.clone()), Waker::from(other.clone()));
        let mut kept = while_held(&context, move || {
            assert!(
                dropped
                    .as_mut()
                    .poll(&mut Context::from_waker(&first))
                    .is_pending()
            );
            assert!(
                kept.as_mut()
                    .poll(&mut Context::from_waker(&second))
                    .is_pending()
            );
            drop(dropped);
            kept
        });
        assert_eq!((waker.count(), other.count()), (0, 1));
        assert_eq!(poll_once(kept.as_mut()), Poll::Ready(1));
    });
}

#[test]
fn a_waker_that_panics_stops_neither_the_holder_nor_the_others() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let wakers = [CountingWaker::new(), CountingWaker::new()];
        let mut runs: Vec<Run> = (0..3)
            .map(|_| Box::pin(context.run(increments())) as Run)
            .collect();
        let in_order = [
            Waker::from(wakers[0].clone()),
            PanickingWaker::waker(),
            Waker::from(wakers[1].clone()),
        ];
        let runs = while_held(&context, move || {
            for (run, waker) in runs.iter_mut().zip(&in_order) {
                assert!(
                    run.as_mut()
                        .poll(&mut Context::from_waker(waker))
                        .is_pending()
                );
            }
            runs
        });
        assert_eq!(wakers.each_ref().map(|waker| waker.count()), [1, 1]);
        for (i, mut run) in runs.into_iter().enumerate() {
            assert_eq!(poll_once(run.as_mut()), Poll::Ready(i as u32 + 1));
        }
    });
}

#[test]
fn a_waker_whose_clone_or_drop_uses_the_context_finds_it_usable() {
    struct UsesContext(RequestContext<Request>);
    impl Wake for UsesContext {
        fn wake(self: Arc<Self>) {
            assert!(poll_once(pin!(self.0.run(increments()))).is_ready());
        }
    }
    impl Drop for UsesContext {
        fn drop(&mut self) {
            drop(self.0.scheduler().post(Request::increment));
        }
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let waker = Waker::from(Arc::new(UsesContext(context.clone())));
        let mut run = waiting(&context, waker);
        // The waker's own increment, and then this one.
        assert_eq!(poll_once(run.as_mut()), Poll::Ready(2));
        context.idle().await.unwrap();
        assert_eq!(context.run(increments()).await, 4);
    });
}

// ---------------------------------------------------------------- wakers

#[test]
fn rust_09_a_waker_runs_no_work_of_the_context_wherever_it_is_invoked() {
    fn wakes(waker: &Waker, log: &Log, place: &str) {
        log.push(format!("{place}: before"));
        waker.wake_by_ref();
        log.push(format!("{place}: after"));
    }

    #[context_async(Request)]
    async fn logs_each_poll(log: Log, waker: futures::channel::oneshot::Sender<Waker>) {
        let mut waker = Some(waker);
        let mut polls = 0;
        poll_fn(|cx| {
            log.push(format!("polled on {:?}", seen()));
            if let Some(sender) = waker.take() {
                sender.send(cx.waker().clone()).unwrap();
            }
            polls += 1;
            if polls == 4 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(Request::of("bob"));
        let (sender, waker) = futures::channel::oneshot::channel();
        let work = context
            .scheduler()
            .spawn(logs_each_poll(log.clone(), sender));
        let waker = waker.await.unwrap();

        wakes(&waker, &log, "plain code");
        yield_now().await;
        {
            let (waker, log) = (waker.clone(), log.clone());
            other
                .run(async move { wakes(&waker, &log, "another context") })
                .await;
        }
        yield_now().await;
        {
            let (waker, log) = (waker.clone(), log.clone());
            thread::spawn(move || wakes(&waker, &log, "a plain thread"))
                .join()
                .unwrap();
        }
        work.await.unwrap();
        assert_eq!(
            log.take(),
            [
                "polled on \"ada\"",
                "plain code: before",
                "plain code: after",
                "polled on \"ada\"",
                "another context: before",
                "another context: after",
                "polled on \"ada\"",
                "a plain thread: before",
                "a plain thread: after",
                "polled on \"ada\"",
            ]
        );
    });
}

#[test]
fn tt_09_who_awaits_work_does_not_run_on_the_stack_that_completes_it() {
    #[context_async(Request)]
    async fn work(done: tokio::sync::oneshot::Receiver<()>, completing: Arc<AtomicBool>) {
        done.await.unwrap();
        assert!(
            !completing.load(Ordering::SeqCst),
            "the work ran on the completer's stack"
        );
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(Request::of("bob"));
        let completing = Arc::new(AtomicBool::new(false));
        let (done, receiver) = tokio::sync::oneshot::channel();
        let work = context
            .scheduler()
            .spawn(work(receiver, completing.clone()));
        let awaiter = {
            let completing = completing.clone();
            other.scheduler().spawn(async move {
                work.await.unwrap();
                assert!(!completing.load(Ordering::SeqCst), "so did its awaiter");
                seen()
            })
        };
        yield_now().await;
        yield_now().await;
        assert!(!awaiter.is_finished());
        // Completed within a turn of a context, and so on a thread that could go on at once.
        context
            .run({
                let completing = completing.clone();
                async move {
                    completing.store(true, Ordering::SeqCst);
                    done.send(()).unwrap();
                    completing.store(false, Ordering::SeqCst);
                }
            })
            .await;
        assert_eq!(awaiter.await.unwrap(), "bob");
    });
}

#[test]
fn tt_09_an_awaiter_runs_on_its_own_thread_when_another_thread_completes_the_work() {
    watchdog(|| {
        let runtime = pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let (done, receiver) = tokio::sync::oneshot::channel::<()>();
        let work = context.scheduler().spawn(async move {
            receiver.await.unwrap();
            thread::current().id()
        });
        let completer = thread::spawn(move || {
            done.send(()).unwrap();
            thread::current().id()
        });
        let awaiter = block_on(async move { (work.await.unwrap(), thread::current().id()) });
        let completer = completer.join().unwrap();
        assert_ne!(awaiter.0, completer);
        assert_eq!(awaiter.1, thread::current().id());
    });
}

// ---------------------------------------------------------------- whoever polls

/// Logs at every poll, and ends at the third.
#[context_async(Request)]
async fn three_polls(log: Log) -> u32 {
    for _ in 0..2 {
        log.push(seen());
        yield_now().await;
    }
    log.push(seen());
    context!().increment();
    3
}

fn assert_entered_around(log: &Log, users: &[&str]) {
    let mut log = log.take();
    log.sort();
    let mut expected: Vec<_> = users.iter().flat_map(|user| [*user; 3]).collect();
    expected.sort_unstable();
    assert_eq!(log, expected);
    assert_eq!(seen(), "never");
}

#[test]
fn rust_08_whoever_polls_the_context_is_entered_around_each_poll() {
    on_one_thread!(async {
        let log = Log::new();
        let ada = RequestContext::new(Request::of("ada"));
        let bob = RequestContext::new(Request::of("bob"));
        let work = || three_polls(log.clone());

        tokio::join!(ada.run(work()), bob.run(work()), async {
            assert_eq!(seen(), "never");
            yield_now().await;
            assert_eq!(seen(), "never");
        });
        assert_entered_around(&log, &["ada", "bob"]);

        futures::join!(ada.run(work()), bob.run(work()));
        assert_entered_around(&log, &["ada", "bob"]);

        tokio::select! {
            _ = ada.run(work()) => {}
            () = pending() => unreachable!(),
        }
        assert_entered_around(&log, &["ada"]);

        let mut unordered: FuturesUnordered<_> =
            [ada.run(work()), bob.run(work())].into_iter().collect();
        while unordered.next().await.is_some() {
            assert_eq!(seen(), "never");
        }
        assert_entered_around(&log, &["ada", "bob"]);

        let boxed: Pin<Box<dyn Future<Output = u32>>> = Box::pin(ada.run(work()));
        assert_eq!(boxed.await, 3);
        assert_entered_around(&log, &["ada"]);
    });
}

#[test]
fn rust_08_inside_a_body_too_whoever_polls() {
    #[context_async(Request)]
    async fn body(log: Log) {
        tokio::join!(three_polls(log.clone()), three_polls(log.clone()));
        tokio::select! {
            biased;
            _ = three_polls(log.clone()) => {}
            () = pending() => unreachable!(),
        }
        let mut unordered: FuturesUnordered<_> = FuturesUnordered::new();
        unordered.push(attach!(three_polls(log.clone())));
        unordered.push(attach!(three_polls(log.clone())));
        while unordered.next().await.is_some() {}
        drop(unordered);
        let boxed: Pin<Box<dyn Future<Output = u32> + Send + '_>> =
            Box::pin(attach!(three_polls(log.clone())));
        boxed.await;
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(body(log.clone())).await;
        assert_entered_around(&log, &["ada"; 6]);
    });
}

#[test]
fn rust_08_an_executor_of_ones_own_will_do() {
    #[context_async(Request)]
    async fn body(log: Log) {
        for _ in 0..3 {
            log.push(seen());
            suspend().await;
        }
    }

    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let log = Log::new();
        let mut run = pin!(context.run(body(log.clone())));
        while poll_once(run.as_mut()).is_pending() {
            assert_eq!(seen(), "never");
        }
        assert_entered_around(&log, &["ada"]);
        futures::executor::block_on(context.run(body(log.clone())));
        assert_entered_around(&log, &["ada"]);
    });
}

#[test]
fn rust_08_nesting_is_balanced_when_an_inner_poll_panics() {
    #[context_async(Request)]
    async fn panics() {
        panic!("inside");
    }

    #[context_async(u32)]
    async fn middle(inner: RequestContext<Request>) -> u32 {
        let mut inner = pin!(inner.run(panics()));
        let poll = catch_unwind(AssertUnwindSafe(|| poll_once(inner.as_mut())));
        assert!(poll.is_err());
        *context!()
    }

    #[context_async(Request)]
    async fn outer(middle_context: RequestContext<u32>, inner: RequestContext<Request>) {
        assert_eq!(middle_context.run(middle(inner)).await, 7);
        assert_eq!(seen(), "ada");
        let joined = AssertUnwindSafe(futures::future::join(attach!(panics()), yield_now()));
        assert!(joined.catch_unwind().await.is_err());
        assert_eq!(seen(), "ada");
        context!().increment();
    }

    on_one_thread!(async {
        let ada = RequestContext::new(Request::of("ada"));
        let bob = RequestContext::new(Request::of("bob"));
        ada.run(outer(RequestContext::new(7), bob.clone())).await;
        assert_eq!(seen(), "never");
        // The turn of the one that panicked is free.
        assert_eq!(poll_once(pin!(bob.run(increments()))), Poll::Ready(1));
    });
}

// ---------------------------------------------------------------- creation and lazy work

#[test]
fn a_context_made_off_a_runtime_panics_at_its_caller() {
    let panic = caught(|| RequestContext::new(7));
    assert_eq!((panic.file.as_str(), panic.line), (file!(), line!() - 1));
    assert!(
        panic
            .message
            .contains("`RequestContext::new` was called off a tokio runtime"),
        "{}",
        panic.place()
    );
}

#[test]
fn run_does_nothing_before_it_is_polled() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let run = context.run(increments());
        yield_now().await;
        assert_eq!(context.run(increments()).await, 1);
        assert_eq!(run.await, 2);
    });
}

#[test]
fn awt_08_work_runs_on_the_context_that_polls_it_and_not_on_the_one_it_was_made_on() {
    #[context_async(Request)]
    async fn who() -> String {
        context!().user.clone()
    }

    #[context_async(Request)]
    async fn makes_it() -> NeedsContext<Request, impl Future<Output = String> + Send> {
        who()
    }

    on_one_thread!(async {
        let ada = RequestContext::new(Request::of("ada"));
        let bob = RequestContext::new(Request::of("bob"));
        let work = ada.run(makes_it()).await;
        assert_eq!(bob.run(work).await, "bob");
    });
}

#[test]
fn post_24_work_of_one_context_takes_turns_at_its_awaits() {
    #[context_async(Request)]
    async fn logs(log: Log, gate: Gate, name: usize) {
        log.push(format!("enter {name}"));
        gate.opened().await;
        log.push(format!("leave {name}"));
    }

    on_one_thread!(async {
        let (log, gate) = (Log::new(), Gate::new());
        let context = RequestContext::new(Request::of("ada"));
        let work = |name| {
            context
                .scheduler()
                .spawn(logs(log.clone(), gate.clone(), name))
        };
        let tasks = [work(0), work(1), work(2)];
        yield_now().await;
        gate.open();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(
            log.take(),
            [
                "enter 0", "enter 1", "enter 2", "leave 0", "leave 1", "leave 2"
            ]
        );
    });
}

#[test]
fn many_waiting_runs_all_get_their_turn() {
    const RUNS: usize = 200;

    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        let done = Arc::new(AtomicUsize::new(0));
        let (held, release) = (Gate::new(), Gate::new());
        let holder = context.scheduler().post({
            let (held, release) = (held.clone(), release.clone());
            move |_| {
                held.open();
                release.wait();
            }
        });
        held.opened().await;
        let runs: Vec<_> = (0..RUNS)
            .map(|_| {
                let (run, done) = (context.run(increments()), done.clone());
                tokio::spawn(async move {
                    run.await;
                    done.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        assert_eq!(done.load(Ordering::SeqCst), 0);
        release.open();
        holder.await.unwrap();
        for run in runs {
            run.await.unwrap();
        }
        assert_eq!(context.run(increments()).await, RUNS as u32 + 1);
    });
}
