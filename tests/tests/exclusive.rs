//! Exclusive work, and the turns that interleave without it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Wake, Waker},
    thread,
};

use request_context::{
    ContextThread, RequestContext, Scheduler, context, context_async, context_block, scheduler,
};
use request_context_tests::{
    EventLoop, Gate, Log, caught, on_one_thread, on_pool, outstanding, poll_once, until_called,
    watchdog,
};
use tokio::task::yield_now;

#[derive(Default)]
struct Request {
    opinion: Cell<u32>,
    seen: RefCell<Vec<u32>>,
}

/// Sets an opinion, and looks whether it still holds after an await.
#[context_async(Request)]
async fn decides(opinion: u32) -> bool {
    context!().opinion.set(opinion);
    yield_now().await;
    yield_now().await;
    context!().opinion.get() == opinion
}

#[context_async(Request)]
async fn steps(log: Log, name: &'static str) {
    log.push(format!("{name} enters"));
    yield_now().await;
    log.push(format!("{name} leaves"));
}

async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[test]
fn ser_14_turns_interleave_at_awaits_and_exclusive_work_does_not() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::default());
        let scheduler = context.scheduler();
        let (first, second) = (scheduler.spawn(decides(1)), scheduler.spawn(decides(2)));
        assert!(!first.await.unwrap(), "the second one came in between");
        assert!(second.await.unwrap());

        let (first, second) = (
            scheduler.spawn_exclusive(decides(1)),
            scheduler.spawn_exclusive(decides(2)),
        );
        assert!(first.await.unwrap());
        assert!(second.await.unwrap());
    });
}

#[test]
fn exclusive_work_also_keeps_out_ordinary_work_posts_and_runs() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::default());
        let scheduler = context.scheduler();
        let gate = Gate::new();
        let exclusive = scheduler.spawn_exclusive({
            let (log, gate) = (log.clone(), gate.clone());
            async move {
                log.push("exclusive enters");
                gate.opened().await;
                log.push("exclusive leaves");
            }
        });
        let spawned = scheduler.spawn(steps(log.clone(), "spawned"));
        let posted = scheduler.post({
            let log = log.clone();
            move |_| log.push("posted")
        });
        let run = tokio::spawn(context.run(steps(log.clone(), "run")));
        settle().await;
        assert_eq!(log.take(), ["exclusive enters"]);

        gate.open();
        exclusive.await.unwrap();
        spawned.await.unwrap();
        posted.await.unwrap();
        run.await.unwrap();
        let log = log.take();
        assert_eq!(log[0], "exclusive leaves");
        let place = |name: &str| log.iter().position(|line| line == name).unwrap();
        assert!(place("spawned enters") < place("posted"), "{log:?}");
        assert!(log.contains(&"run leaves".to_owned()));
        context.idle().await.unwrap();
    });
}

#[test]
fn idle_waits_for_posts_that_exclusive_work_has_held_back() {
    /// Keeps how many posts have run when it is woken.
    #[derive(Default)]
    struct Looks {
        ran: AtomicU32,
        when_woken: AtomicU32,
    }
    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            let ran = self.ran.load(Ordering::SeqCst);
            self.when_woken.store(ran, Ordering::SeqCst);
        }
    }

    on_one_thread!(async {
        // One item a turn: exclusive work has ended before what it held back gets one.
        let builder = RequestContext::builder().budget(1);
        let context = builder.build(Request::default()).unwrap();
        let scheduler = context.scheduler();
        let gate = Gate::new();
        let opened = gate.clone();
        drop(scheduler.spawn_exclusive(async move { opened.opened().await }));
        settle().await;
        let looks = Arc::<Looks>::default();
        for _ in 0..2 {
            let looks = looks.clone();
            drop(scheduler.post(move |_| looks.ran.fetch_add(1, Ordering::SeqCst)));
        }
        settle().await;
        let mut idle = pin!(context.idle());
        let waker = Waker::from(looks.clone());
        let polled = idle.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        assert_eq!(outstanding(&context), 3);
        gate.open();
        settle().await;
        assert_eq!(looks.when_woken.load(Ordering::SeqCst), 2);
        idle.await.unwrap();
    });
}

#[test]
fn post_23_exclusive_work_that_awaits_its_own_posts_and_spawns_does_not_deadlock() {
    #[context_async(Request)]
    async fn inner(log: Log) {
        log.push("inner");
        yield_now().await;
        scheduler!().post(|_| ()).await.unwrap();
        log.push("inner again");
    }

    #[context_async(Request)]
    async fn outer(log: Log) {
        let scheduler = scheduler!();
        scheduler
            .post(|request| request.opinion.set(7))
            .await
            .unwrap();
        scheduler.spawn(inner(log.clone())).await.unwrap();
        scheduler.run(inner(log.clone())).await;
        scheduler.spawn_exclusive(inner(log.clone())).await.unwrap();
        log.push("outer");
    }

    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::default());
        let scheduler = context.scheduler();
        let exclusive = scheduler.spawn_exclusive(outer(log.clone()));
        let other = scheduler.spawn(steps(log.clone(), "other"));
        exclusive.await.unwrap();
        other.await.unwrap();
        let log = log.take();
        let outer = log.iter().position(|line| line == "outer").unwrap();
        assert_eq!(outer, 6);
        let other = log.iter().position(|line| line == "other enters").unwrap();
        assert!(other > outer || other == 0, "{log:?}");
        let opinion = context.scheduler().post(|request| request.opinion.get());
        assert_eq!(opinion.await.unwrap(), 7);
    });
}

#[test]
fn send_13_a_send_keeps_posts_out_and_they_run_in_order_after_it() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::default());
        let scheduler = context.scheduler();
        let busy = context.clone();
        let posts = tokio::task::spawn_blocking(move || {
            let again = scheduler.clone();
            let held = scheduler.blocking_send(|request| {
                let post = |n| again.post(move |request| request.seen.borrow_mut().push(n));
                let others = || [1, 2, 3].map(post);
                let posts = thread::scope(|scope| scope.spawn(others).join().unwrap());
                // A worker has come for them, and waits.
                until_called(&busy);
                let inline = again.blocking_send(|request| request.opinion.replace(7));
                assert_eq!((inline, request.opinion.get()), (Ok(0), 7));
                assert!(request.seen.borrow().is_empty());
                posts
            });
            held.unwrap()
        });
        for post in posts.await.unwrap() {
            post.await.unwrap();
        }
        let seen = context.scheduler().post(|request| request.seen.take());
        assert_eq!(seen.await.unwrap(), [1, 2, 3]);
    });
}

#[test]
fn the_order_of_one_poster_holds_across_exclusive_work() {
    on_pool!(4, async {
        for _ in 0..50 {
            let context = RequestContext::new(Request::default());
            let scheduler = context.scheduler();
            for n in 0..60 {
                if n % 20 == 0 {
                    drop(
                        scheduler.spawn_exclusive(context_block!(Request, async move {
                            yield_now().await;
                            yield_now().await;
                            context!().seen.borrow_mut().push(n);
                        })),
                    );
                } else {
                    drop(scheduler.post(move |request| request.seen.borrow_mut().push(n)));
                }
            }
            context.idle().await.unwrap();
            let seen = scheduler.post(|request| request.seen.take()).await.unwrap();
            let posts: Vec<u32> = seen.iter().copied().filter(|n| n % 20 != 0).collect();
            assert!(posts.is_sorted(), "{posts:?}");
            assert_eq!(seen.len(), 60);
        }
    });
}

#[test]
fn exclusive_work_that_panics_or_is_aborted_lets_the_others_go_on() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::default());
        let scheduler = context.scheduler();
        let panics = scheduler.spawn_exclusive(async {
            yield_now().await;
            std::panic::resume_unwind(Box::new("lost"));
        });
        let never = scheduler.spawn_exclusive(std::future::pending::<()>());
        let after = scheduler.post(|_| 42);
        assert!(panics.await.unwrap_err().is_panic());
        settle().await;
        assert!(!after.is_finished());
        never.abort();
        assert_eq!(after.await.unwrap(), 42);
        assert!(never.await.unwrap_err().is_cancelled());
        context.idle().await.unwrap();
    });
}

#[test]
fn cancelling_drops_exclusive_work_and_what_it_kept_out() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::default());
        let scheduler = context.scheduler();
        let never = scheduler.spawn_exclusive(std::future::pending::<()>());
        let kept_out = scheduler.post(|_| ());
        let next = scheduler.spawn_exclusive(async {});
        settle().await;
        context.cancel();
        assert!(never.await.unwrap_err().is_cancelled());
        assert!(kept_out.await.unwrap_err().is_cancelled());
        assert!(next.await.unwrap_err().is_cancelled());
        context.idle().await.unwrap();
        context.run(decides(1)).await;
    });
}

#[test]
fn a_runtime_that_shuts_down_drops_what_exclusive_work_kept_out() {
    watchdog(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let gate = Gate::new();
        let (context, kept_out) = runtime.block_on(async {
            let context = RequestContext::new(Request::default());
            let scheduler = context.scheduler();
            let waits = gate.clone();
            drop(scheduler.spawn_exclusive(async move { waits.opened().await }));
            let kept_out = scheduler.post(|_| ());
            settle().await;
            (context, kept_out)
        });
        drop(runtime);
        assert!(kept_out.blocking_join().unwrap_err().is_cancelled());
        drop((context, gate));
    });
}

#[test]
fn a_run_or_a_send_that_is_kept_out_goes_on_after_the_end() {
    on_pool!(4, async {
        let context = RequestContext::new(Request::default());
        let scheduler = context.scheduler();
        let (begun, gate) = (Gate::new(), Gate::new());
        let exclusive = scheduler.spawn_exclusive({
            let (begun, gate) = (begun.clone(), gate.clone());
            async move {
                begun.open();
                gate.opened().await;
            }
        });
        begun.opened().await;
        let run = tokio::spawn(context.run(decides(3)));
        let abandoned = tokio::spawn(context.run(decides(4)));
        let send = tokio::task::spawn_blocking({
            let scheduler = scheduler.clone();
            move || scheduler.blocking_send(|request| request.opinion.get())
        });
        settle().await;
        abandoned.abort();
        assert!(abandoned.await.unwrap_err().is_cancelled());
        gate.open();
        exclusive.await.unwrap();
        assert!(run.await.unwrap());
        assert!(send.await.unwrap().is_ok());
    });
}

#[test]
fn work_that_outlives_the_exclusive_work_it_was_started_by_is_ordinary() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::default());
        let scheduler = context.scheduler();
        let gate = Gate::new();
        let outlives = {
            let (log, gate) = (log.clone(), gate.clone());
            async move {
                gate.opened().await;
                log.push("outlived it");
            }
        };
        let exclusive = scheduler.spawn_exclusive(context_block!(Request, async move {
            drop(scheduler!().spawn(outlives));
        }));
        exclusive.await.unwrap();
        let second = Gate::new();
        let exclusive = scheduler.spawn_exclusive({
            let second = second.clone();
            async move { second.opened().await }
        });
        settle().await;
        gate.open();
        settle().await;
        assert!(log.take().is_empty(), "kept out by the second one");
        second.open();
        exclusive.await.unwrap();
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["outlived it"]);
    });
}

#[test]
fn exclusive_work_of_one_context_does_not_concern_another() {
    on_one_thread!(async {
        let busy = RequestContext::new(Request::default());
        let never = busy
            .scheduler()
            .spawn_exclusive(std::future::pending::<()>());
        settle().await;
        let other = RequestContext::new(Request::default());
        assert!(other.run(decides(1)).await);
        assert!(other.scheduler().spawn_exclusive(decides(2)).await.unwrap());
        never.abort();
        busy.idle().await.unwrap();
    });
}

#[test]
fn a_concurrent_context_refuses_exclusive_work_at_the_caller() {
    on_one_thread!(async {
        let context = RequestContext::concurrent(());
        let scheduler = context.scheduler();
        let caught = caught(|| drop(scheduler.spawn_exclusive(async {})));
        assert!(caught.message.contains("is concurrent"), "{caught:?}");
        assert!(caught.file.ends_with("exclusive.rs"), "{caught:?}");
        context.idle().await.unwrap();
    });
}

#[test]
fn a_stream_of_exclusive_work_starves_neither_a_run_nor_a_send() {
    async fn runs(context: &RequestContext<Request>) {
        context.run(yield_now()).await;
    }
    async fn sends(context: &RequestContext<Request>) {
        let scheduler = context.scheduler();
        let sent = tokio::task::spawn_blocking(move || scheduler.blocking_send(|_| ()));
        sent.await.unwrap().unwrap();
    }
    // In turn, so that there is always exclusive work that waits for its turn.
    async fn stream(scheduler: Scheduler<Request>, is_over: Arc<AtomicBool>) {
        let exclusive = || scheduler.spawn_exclusive(decides(1));
        let mut queued = VecDeque::from([exclusive(), exclusive()]);
        while !is_over.load(Ordering::Relaxed) {
            queued.push_back(exclusive());
            assert!(queued.pop_front().unwrap().await.unwrap());
        }
    }
    async fn get_through() {
        let context = RequestContext::new(Request::default());
        let is_over = Arc::new(AtomicBool::new(false));
        let stream = tokio::spawn(stream(context.scheduler(), is_over.clone()));
        settle().await;
        for _ in 0..10 {
            runs(&context).await;
            sends(&context).await;
        }
        is_over.store(true, Ordering::Relaxed);
        stream.await.unwrap();
        context.idle().await.unwrap();
    }

    on_one_thread!(get_through());
    on_pool!(2, get_through());
}

#[test]
fn the_driver_waits_for_none_who_was_let_in_and_does_not_come() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, Request::default());
        let scheduler = context.scheduler();
        for is_dropped in [true, false] {
            let gate = Gate::new();
            let opened = gate.opened();
            let exclusive = scheduler.spawn_exclusive(opened);
            event_loop.run_ready();
            let mut run = Box::pin(scheduler.run(async {}));
            assert!(poll_once(run.as_mut()).is_pending(), "it is kept out");
            gate.open();
            event_loop.next().run();
            assert!(exclusive.is_finished());
            let run = (!is_dropped).then_some(run);
            let posted = scheduler.post(|_| ());
            let mut jobs = 0;
            while !posted.is_finished() {
                event_loop.next().run();
                jobs += 1;
            }
            // One for the driver, and one in which it stands back.
            assert!(jobs <= if is_dropped { 1 } else { 2 }, "{jobs}");
            drop(run);
        }
    });
}

#[test]
fn a_run_that_nobody_polls_keeps_nothing_out_once_exclusive_work_has_ended() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::default());
        let scheduler = context.scheduler();
        let gate = Gate::new();
        let exclusive = scheduler.spawn_exclusive(gate.opened());
        settle().await;
        let mut run = pin!(context.run(async {}));
        assert!(poll_once(run.as_mut()).is_pending(), "it is kept out");
        gate.open();
        exclusive.await.unwrap();
        let next = scheduler.spawn_exclusive(decides(1));
        assert!(next.await.unwrap());
        scheduler.post(|_| ()).await.unwrap();
        run.await;
    });
}
