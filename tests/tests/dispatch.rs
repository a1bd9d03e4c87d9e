//! A context on the thread of an event loop that is not ours.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending},
    pin::Pin,
    rc::Rc,
    sync::mpsc,
    task::{Context, Poll, Waker},
    thread::{self, ThreadId},
};

use futures::FutureExt;
use request_context::{
    ContextThread, Dispatch, Job, JoinHandle, SendError, StopError, ThreadScheduler, context,
    context_async, context_block, scheduler, try_with,
};
use request_context_tests::{
    EventLoop, Gate, Graves, Homely, Log, OnDrop, block_on, caught, one_thread, poll_once, suspend,
    watchdog,
};
use static_assertions::{assert_impl_all, assert_obj_safe};

assert_impl_all!(Job: Send);
assert_obj_safe!(Dispatch);

type Counter = Rc<Cell<u32>>;

fn here() -> ThreadId {
    thread::current().id()
}

#[context_async(Counter, ?Send)]
async fn counts(times: u32) -> (ThreadId, u32) {
    let count = Rc::clone(&context!());
    for _ in 0..times {
        count.set(count.get() + 1);
        suspend().await;
    }
    (here(), count.get())
}

/// Drops `value` on another thread.
fn drop_elsewhere(value: impl Send + 'static) {
    thread::spawn(move || drop(value)).join().unwrap();
}

#[test]
fn aff_01_posted_work_that_suspends_comes_back_to_the_thread_of_the_loop() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, Counter::default());
        let stop = Gate::new();
        let scheduler = context.scheduler();
        let work = thread::spawn({
            let stop = stop.clone();
            move || {
                scheduler.spawn_with(move || {
                    context_block!(Counter, async move {
                        let first = here();
                        counts(3).await;
                        stop.open();
                        (first, here(), context!().get())
                    })
                })
            }
        });
        let work = work.join().unwrap();
        event_loop.run_until(|| stop.is_open());
        event_loop.run_ready();
        assert_eq!(block_on(work).unwrap(), (here(), here(), 3));
    });
}

#[test]
fn send_16_a_send_from_the_owner_goes_in_at_once_and_one_from_a_worker_when_the_loop_runs() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, Counter::default());
        let count = |counter: &Counter| {
            counter.set(counter.get() + 1);
            (here(), counter.get())
        };
        let (scheduler, done) = (context.scheduler(), Gate::new());
        let worker = thread::spawn({
            let done = done.clone();
            move || {
                let sent = scheduler.blocking_send(count);
                done.open();
                sent
            }
        });
        // The worker's job is there, and waits; the owner does not.
        let job = event_loop.next();
        assert_eq!(context.scheduler().blocking_send(count), Ok((here(), 1)));
        assert!(!done.is_open());
        job.run();
        assert_eq!(worker.join().unwrap(), Ok((here(), 2)));
    });
}

#[test]
fn aff_04_code_that_came_to_the_loops_thread_by_another_way_is_on_it() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        // Gets there by hops of its own, and says nothing of them.
        let context = ContextThread::on_loop(
            Does(move |job| {
                let to_loop = to_loop.clone();
                let hop = thread::spawn(move || to_loop.dispatch(job));
                hop.join().unwrap();
            }),
            Counter::default(),
        );
        let scheduler = context.scheduler();
        let count = |counter: &Counter| counter.replace(counter.get() + 1);
        // Code of the loop that the context did not start.
        assert_eq!(scheduler.with(count), Ok(0));
        let posted = thread::spawn({
            let scheduler = scheduler.clone();
            move || {
                assert!(scheduler.with(|_| ()).is_err());
                let inner = scheduler.clone();
                scheduler.post(move |_| inner.with(count))
            }
        });
        let posted = posted.join().unwrap();
        event_loop.run_until(|| posted.is_finished());
        assert_eq!(block_on(posted).unwrap(), Ok(1));
    });
}

#[test]
fn many_items_come_in_more_than_one_job_and_in_order() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, Counter::default());
        let log = Log::new();
        for i in 0..200 {
            let log = log.clone();
            drop(context.scheduler().post(move |_| log.push(i.to_string())));
        }
        assert!(event_loop.run_ready() > 1);
        let expected: Vec<_> = (0..200).map(|i| i.to_string()).collect();
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn a_loop_nested_in_a_turn_puts_off_the_work_of_that_context_only() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        let event_loop = Rc::new(event_loop);
        let state = (event_loop.clone(), Log::new());
        let other = ContextThread::on_loop(to_loop.clone(), ());
        let context = ContextThread::on_loop(to_loop, state);
        let to_other = other.scheduler();
        let scheduler = context.scheduler();
        let outer = context.scheduler().post(move |(event_loop, log)| {
            let inner = log.clone();
            drop(scheduler.post(move |(_, log)| log.push("posted within")));
            drop(to_other.post(move |()| inner.push("of the other")));
            log.push("before");
            event_loop.run_ready();
            log.push("after");
        });
        drop(
            context
                .scheduler()
                .post(|(_, log)| log.push("posted behind")),
        );
        event_loop.run_ready();
        block_on(outer).unwrap();
        let log = context.scheduler().blocking_send(|(_, log)| log.take());
        assert_eq!(
            log.unwrap(),
            [
                "before",
                "of the other",
                "after",
                "posted behind",
                "posted within"
            ]
        );
    });
}

#[test]
fn a_job_that_comes_within_a_turn_is_put_off_once_and_not_asked_for_again_and_again() {
    thread_local! {
        static LOOP: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
    }
    let (to_loop, event_loop) = EventLoop::new();
    LOOP.set(Some(event_loop));
    let context = ContextThread::on_loop(to_loop, Log::new());
    let scheduler = context.scheduler();
    let sent = scheduler.blocking_send(|log| {
        drop(scheduler.post(|log| log.push("posted")));
        // A busy loop would not end.
        let jobs = LOOP.with_borrow(|it| it.as_ref().map_or(0, EventLoop::run_ready));
        log.push(format!("{jobs} job within"));
    });
    assert_eq!(sent, Ok(()));
    assert_eq!(scheduler.with(Log::len), Ok(1));
    LOOP.with_borrow(|it| it.as_ref().map(EventLoop::run_ready));
    let log = scheduler.with(Log::take);
    assert_eq!(log.unwrap(), ["1 job within", "posted"]);
}

#[test]
fn timers_work_where_a_runtime_is_current_when_the_context_is_made() {
    struct ToRuntime(tokio::runtime::Handle);

    impl Dispatch for ToRuntime {
        fn dispatch(&self, job: Job) {
            drop(self.0.spawn(async { job.run() }));
        }
    }

    #[context_async(Counter)]
    async fn sleeps() -> ThreadId {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        here()
    }

    watchdog(|| {
        // Its jobs run on this thread, off the runtime, whose other thread fires the timers.
        let pool = request_context_tests::pool!(1);
        let entered = pool.enter();
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, Counter::default());
        drop(entered);
        let work = context.scheduler().spawn(sleeps());
        event_loop.run_until(|| work.is_finished());
        assert_eq!(block_on(work).unwrap(), here());

        // And a runtime of one thread is a loop like any other.
        let runtime = one_thread!();
        let slept = runtime.block_on(async {
            let handle = tokio::runtime::Handle::current();
            let context = ContextThread::on_loop(ToRuntime(handle), Counter::default());
            let slept = context.scheduler().spawn(sleeps()).await.unwrap();
            context.stop().await.unwrap();
            slept
        });
        assert_eq!(slept, here());
    });
}

#[test]
fn blk_09_blocking_on_the_loops_thread_for_its_own_work_is_an_error_outside_a_turn_too() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, Counter::default());
        let scheduler = context.scheduler();
        let error = scheduler.post(|_| ()).blocking_join().unwrap_err();
        assert!(error.is_deadlock(), "{error}");
        assert!(
            error.to_string().contains("the thread that it runs on"),
            "{error}"
        );
        let ran = Gate::new();
        let waits = thread::spawn({
            let ran = ran.clone();
            move || {
                let posted = scheduler.post(move |_| {
                    ran.open();
                    here()
                });
                posted.blocking_join()
            }
        });
        event_loop.run_until(|| ran.is_open());
        assert_eq!(waits.join().unwrap().unwrap(), here());
    });
}

#[test]
fn two_loops_that_wait_for_each_other_between_turns_get_an_error() {
    watchdog(|| {
        let made = [(); 2].map(|()| {
            let (made, is_made) = mpsc::channel();
            let (peer, has_peer) = mpsc::channel();
            let thread = thread::spawn(move || {
                let (to_loop, event_loop) = EventLoop::new();
                let context = ContextThread::on_loop(to_loop, Counter::default());
                made.send(context.scheduler()).unwrap();
                let peer: ThreadScheduler<Counter> = has_peer.recv().unwrap();
                let sent = peer.blocking_send(|_| ());
                // The one that was refused serves the other.
                if sent.is_err() {
                    event_loop.next().run();
                }
                sent
            });
            (is_made.recv().unwrap(), peer, thread)
        });
        made[0].1.send(made[1].0.clone()).unwrap();
        made[1].1.send(made[0].0.clone()).unwrap();
        let sent = made.map(|(_, _, thread)| thread.join().unwrap());
        let deadlocks = sent
            .iter()
            .filter(|sent| matches!(sent, Err(SendError::Deadlock(_))));
        assert_eq!(deadlocks.count(), 1, "{sent:?}");
        assert!(sent.contains(&Ok(())), "{sent:?}");
    });
}

// ---------------------------------------------------------------- the end

#[test]
fn dropped_between_turns_and_without_work_it_ends_at_once() {
    let graves = Graves::new();
    let (to_loop, event_loop) = EventLoop::new();
    let context = ContextThread::on_loop(to_loop, graves.homely());
    let scheduler = context.scheduler();
    drop(context);
    assert_eq!(graves.threads(), [here()]);
    assert_eq!(
        scheduler.blocking_send(|_| ()),
        Err(SendError::Closed(scheduler.id()))
    );
    assert_eq!(event_loop.run_ready(), 0);
    let panic = caught(|| scheduler.with(|_| ()));
    assert!(panic.message.contains("has ended"), "{}", panic.message);
    let panic = caught(|| block_on(scheduler.run(async {})));
    assert!(panic.message.contains("has stopped"), "{}", panic.message);
    drop_elsewhere(scheduler);
    assert_eq!(graves.threads(), [here()]);
}

#[test]
fn dropped_elsewhere_or_in_a_turn_it_ends_by_a_job() {
    let graves = Graves::new();
    let (to_loop, event_loop) = EventLoop::new();
    drop_elsewhere(ContextThread::on_loop(to_loop.clone(), graves.homely()));
    assert_eq!(graves.threads(), []);
    event_loop.run_ready();
    assert_eq!(graves.threads(), [here()]);

    let context = ContextThread::on_loop(to_loop, graves.homely());
    let scheduler = context.scheduler();
    let in_turn = graves.clone();
    let sent = scheduler.blocking_send(move |_: &Homely| {
        drop(context);
        in_turn.threads().len()
    });
    assert_eq!(sent, Ok(1));
    event_loop.run_ready();
    assert_eq!(graves.threads(), [here(); 2]);
}

#[test]
fn a_run_that_has_begun_in_place_keeps_the_state_until_it_has_ended() {
    #[context_async(Homely, ?Send)]
    async fn waits(gate: Gate) -> bool {
        let shared = context!().share();
        gate.opened().await;
        drop(shared);
        try_with(|_: &Homely| ()).is_ok()
    }

    let (to_loop, event_loop) = EventLoop::new();
    let (graves, gate) = (Graves::new(), Gate::new());
    let context = ContextThread::on_loop(to_loop, graves.homely());
    let scheduler = context.scheduler();
    let spawning = scheduler.spawn_with({
        let gate = gate.clone();
        move || waits(gate)
    });
    let mut in_place = Box::pin(scheduler.run({
        let gate = gate.clone();
        async move { gate.opened().await }
    }));
    assert!(poll_once(in_place.as_mut()).is_pending());
    event_loop.run_ready();
    let mut stopped = Box::pin(context.stop());
    event_loop.run_ready();
    assert!(poll_once(stopped.as_mut()).is_pending());
    gate.open();
    event_loop.run_ready();
    assert!(block_on(spawning).unwrap());
    // What was spawned has ended, and the run has not been polled yet.
    assert!(poll_once(stopped.as_mut()).is_pending());
    assert_eq!(graves.threads(), []);
    assert!(poll_once(in_place.as_mut()).is_ready());
    event_loop.run_ready();
    assert!(matches!(poll_once(stopped.as_mut()), Poll::Ready(Ok(()))));
    assert_eq!(graves.threads(), [here()]);
}

#[test]
fn the_states_drop_sees_no_context_and_cannot_get_back_in() {
    type OnEnd = OnDrop<Box<dyn FnOnce()>>;
    struct State(Cell<Option<OnEnd>>);

    let log = Log::new();
    let (to_loop, event_loop) = EventLoop::new();
    let context = ContextThread::on_loop(to_loop, State(Cell::new(None)));
    let scheduler = context.scheduler();
    let on_drop: Box<dyn FnOnce()> = Box::new({
        let (scheduler, log) = (scheduler.clone(), log.clone());
        move || {
            log.push(format!("visible: {}", try_with(|_: &State| ()).is_ok()));
            log.push(format!(
                "with: {}",
                caught(|| scheduler.with(|_| ())).message
            ));
            let sent = scheduler.blocking_send(|_| ());
            log.push(format!("send: {}", sent.is_err()));
            let run = caught(|| scheduler.run(async {}).now_or_never());
            log.push(format!("run: {}", run.message.contains("stopped")));
        }
    });
    let stored = scheduler.with(|state| state.0.set(Some(OnDrop::new(on_drop))));
    stored.unwrap();
    drop(context);
    let ended = format!("with: {} has ended, and its state with it", scheduler.id());
    assert_eq!(
        log.take(),
        ["visible: false", &ended, "send: true", "run: true"]
    );
    event_loop.run_ready();
}

#[test]
fn a_run_that_began_on_the_thread_can_go_on_and_be_dropped_anywhere() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, Counter::default());
        let scheduler = context.scheduler();
        let (gate, graves) = (Gate::new(), Graves::new());
        let begin = || {
            let mut run = Box::pin(scheduler.run({
                let (gate, graves) = (gate.clone(), graves.clone());
                async move {
                    let began = here();
                    let _local = OnDrop::new(move || drop(graves.homely()));
                    gate.opened().await;
                    (began, here())
                }
            }));
            assert!(poll_once(run.as_mut()).is_pending());
            run
        };
        drop_elsewhere(begin());
        assert_eq!(graves.threads(), []);
        event_loop.run_ready();
        assert_eq!(graves.threads(), [here()]);

        let run = begin();
        let elsewhere = thread::spawn(move || block_on(run));
        gate.open();
        event_loop.run_until(|| graves.threads().len() == 2);
        event_loop.run_ready();
        assert_eq!(elsewhere.join().unwrap(), (here(), here()));
        assert_eq!(graves.threads(), [here(); 2]);
    });
}

#[test]
fn a_loop_that_is_gone_cancels_the_work_and_leaks_what_is_bound_to_it() {
    watchdog(|| {
        let graves = Graves::new();
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, graves.homely());
        let scheduler = context.scheduler();
        let gate = Gate::new();
        let started = scheduler.spawn_with({
            let (graves, gate) = (graves.clone(), gate.clone());
            move || {
                let homely = graves.homely();
                async move {
                    gate.opened().await;
                    drop(homely);
                }
            }
        });
        event_loop.run_ready();
        let sent = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.blocking_send(|_| ())
        });
        let job = event_loop.next();
        drop(event_loop);
        drop_elsewhere(job);
        assert_eq!(sent.join().unwrap(), Err(SendError::Closed(context.id())));
        // Nothing of this is bound to the thread yet, and so it is dropped.
        let (dropped, is_dropped) = mpsc::channel();
        let local = OnDrop::new(move || dropped.send(()).unwrap());
        let posted = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.post(move |_| drop(local)).blocking_join()
        });
        assert!(posted.join().unwrap().unwrap_err().is_cancelled());
        is_dropped.recv().unwrap();
        // The future is: it holds an `Rc`.
        thread::spawn(move || gate.open()).join().unwrap();
        assert!(block_on(started).unwrap_err().is_cancelled());
        let stopped = thread::spawn(move || context.blocking_stop());
        assert!(matches!(stopped.join().unwrap(), Err(StopError::Leaked(_))));
        drop_elsewhere(scheduler);
        assert_eq!(graves.threads(), []);
    });
}

// ---------------------------------------------------------------- dispatchers that do what they must not

/// Does with each job what the closure does.
struct Does<F>(F);

impl<F: Fn(Job) + Send + Sync + 'static> Dispatch for Does<F> {
    fn dispatch(&self, job: Job) {
        (self.0)(job);
    }
}

/// What comes of work that is spawned on this thread, and spawned, posted and sent from another; and
/// where values were dropped that must not leave this thread, once everything is gone.
fn attack(dispatch: impl Dispatch) -> ([&'static str; 4], Vec<ThreadId>) {
    let (home, graves) = (here(), Graves::new());
    let context = ContextThread::on_loop(dispatch, graves.homely());
    let scheduler = context.scheduler();
    let make = {
        let graves = graves.clone();
        move || {
            assert_eq!(here(), home);
            let homely = graves.homely();
            async move {
                assert_eq!(here(), home);
                suspend().await;
                assert_eq!(here(), home);
                drop(homely);
            }
        }
    };
    let here_spawned = scheduler.spawn_with(make.clone());
    let elsewhere = thread::spawn({
        let scheduler = scheduler.clone();
        move || {
            let spawned = scheduler.spawn_with(make);
            let posted = scheduler.post(move |_| assert_eq!(here(), home));
            let sent = scheduler.blocking_send(|_| assert_eq!(here(), home));
            (spawned, posted, sent)
        }
    });
    let (spawned, posted, sent) = elsewhere.join().unwrap();
    let outcome = |handle: JoinHandle<()>| match handle.now_or_never() {
        None => "pending",
        Some(Ok(())) => "done",
        Some(Err(error)) if error.is_cancelled() => "cancelled",
        Some(Err(_)) => "failed",
    };
    let outcomes = [
        outcome(here_spawned),
        outcome(spawned),
        outcome(posted),
        if sent.is_ok() { "done" } else { "closed" },
    ];
    drop_elsewhere(context);
    drop_elsewhere(scheduler);
    (outcomes, graves.threads())
}

const NOTHING: [&str; 4] = ["cancelled", "cancelled", "cancelled", "closed"];

#[test]
fn s6_jobs_that_are_run_on_another_thread_do_nothing() {
    watchdog(|| {
        let run_elsewhere = |job: Job| thread::spawn(|| job.run()).join().unwrap();
        assert_eq!(attack(Does(run_elsewhere)), (NOTHING, vec![]));
    });
}

#[test]
fn s6_jobs_that_are_dropped_do_nothing() {
    watchdog(|| assert_eq!(attack(Does(drop)), (NOTHING, vec![])));
    watchdog(|| assert_eq!(attack(Does(drop_elsewhere)), (NOTHING, vec![])));
}

#[test]
fn s6_jobs_lost_in_a_panic_do_nothing_and_the_panic_ends_there() {
    watchdog(|| assert_eq!(attack(Does(|_| panic!("no"))), (NOTHING, vec![])));
}

#[test]
fn s6_jobs_that_are_run_at_once_are_run_on_their_thread_only() {
    watchdog(|| {
        let (outcomes, threads) = attack(Does(Job::run));
        assert_eq!(outcomes, ["done", "cancelled", "cancelled", "closed"]);
        assert_eq!(threads, [here()]);
    });
}

#[test]
fn s6_jobs_that_are_run_at_once_in_a_turn_wait_for_its_end() {
    let context = ContextThread::on_loop(Does(Job::run), Log::new());
    let scheduler = context.scheduler();
    let ran = scheduler.with(|log| {
        for i in 0..200 {
            drop(scheduler.post(move |log| log.push(i.to_string())));
        }
        log.len()
    });
    assert_eq!(ran, Ok(0));
    assert_eq!(scheduler.with(Log::len), Ok(200));
}

#[test]
fn s6_jobs_that_are_forgotten_leave_everything_where_it_is() {
    let graves = Graves::new();
    let context = ContextThread::on_loop(Does(std::mem::forget), graves.homely());
    let scheduler = context.scheduler();
    let spawned = scheduler.spawn_with({
        let graves = graves.clone();
        move || {
            let _homely = graves.homely();
            pending::<()>()
        }
    });
    assert!(spawned.now_or_never().is_none());
    assert!(context.stop().now_or_never().is_none());
    drop_elsewhere(scheduler);
    assert_eq!(graves.threads(), []);
}

#[test]
fn s6_a_future_that_has_begun_is_leaked_when_its_loop_goes_astray() {
    watchdog(|| {
        let (astray, graves) = (Gate::new(), Graves::new());
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(
            Does({
                let (astray, to_loop) = (astray.clone(), std::sync::Mutex::new(to_loop));
                move |job: Job| {
                    if astray.is_open() {
                        thread::spawn(|| job.run()).join().unwrap();
                    } else {
                        to_loop.lock().unwrap().dispatch(job);
                    }
                }
            }),
            graves.homely(),
        );
        let scheduler = context.scheduler();
        let wake = Gate::new();
        let spawned = [(); 2].map(|()| {
            let (graves, wake) = (graves.clone(), wake.clone());
            scheduler.spawn_with(move || {
                let homely = graves.homely();
                async move {
                    wake.opened().await;
                    drop(homely);
                }
            })
        });
        event_loop.run_ready();
        astray.open();
        thread::spawn(move || wake.open()).join().unwrap();
        for spawned in spawned {
            assert!(spawned.blocking_join().unwrap_err().is_cancelled());
        }
        // Something may still borrow from the state, so that is not dropped here either.
        drop(context);
        drop(scheduler);
        assert_eq!(graves.threads(), []);
    });
}

#[test]
fn s6_wakers_that_fire_and_die_on_other_threads_leave_the_future_on_its_own() {
    /// Hands its waker out, twice.
    struct Wakers {
        wakers: Option<mpsc::Sender<Waker>>,
        _homely: Homely,
    }

    impl Future for Wakers {
        type Output = ThreadId;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ThreadId> {
            match self.wakers.take() {
                Some(wakers) => {
                    wakers.send(cx.waker().clone()).unwrap();
                    wakers.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                }
                None => Poll::Ready(here()),
            }
        }
    }

    watchdog(|| {
        let graves = Graves::new();
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, graves.homely());
        let (wakers, has_wakers) = mpsc::channel();
        let spawned = context.scheduler().spawn_with({
            let graves = graves.clone();
            move || Wakers {
                wakers: Some(wakers),
                _homely: graves.homely(),
            }
        });
        event_loop.run_ready();
        let (first, second) = (has_wakers.recv().unwrap(), has_wakers.recv().unwrap());
        thread::spawn(move || first.wake()).join().unwrap();
        event_loop.run_ready();
        // After its end, and after that of the context.
        drop(context);
        thread::spawn(move || second.wake()).join().unwrap();
        event_loop.run_ready();
        assert_eq!(block_on(spawned).unwrap(), here());
        assert_eq!(graves.threads(), [here(); 2]);
    });
}

#[test]
fn s6_a_context_fn_of_the_thread_is_not_polled_in_anothers_turn() {
    #[context_async(Counter)]
    async fn spawns_on(other: ContextThread<Counter>) -> [u32; 2] {
        let mine = scheduler!().run(context_block!(Counter, async { context!().get() }));
        let others = other
            .scheduler()
            .run(context_block!(Counter, async { context!().get() }));
        [mine.await, others.await]
    }

    let (to_loop, event_loop) = EventLoop::new();
    let one = ContextThread::on_loop(to_loop.clone(), Rc::new(Cell::new(1)));
    let other = ContextThread::on_loop(to_loop, Rc::new(Cell::new(2)));
    let seen = one.scheduler().spawn(spawns_on(other));
    event_loop.run_ready();
    assert_eq!(block_on(seen).unwrap(), [1, 2]);
}

/// What is reported on stderr: of a run of this very test in another process.
#[test]
fn s6_what_is_refused_or_leaked_is_reported_with_both_threads() {
    const CHILD: &str = "REQUEST_CONTEXT_TEST_REPORTS";

    if std::env::var_os(CHILD).is_some() {
        let run_elsewhere = |job: Job| thread::spawn(|| job.run()).join().unwrap();
        attack(Does(run_elsewhere));
        let (to_loop, event_loop) = EventLoop::new();
        let context = ContextThread::on_loop(to_loop, ());
        let bound = context.scheduler().spawn_with(|| {
            let shared = Rc::new(());
            async move {
                suspend().await;
                pending::<()>().await;
                drop(shared);
            }
        });
        event_loop.run_ready();
        drop(event_loop);
        thread::spawn(move || bound.abort()).join().unwrap();
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("s6_what_is_refused_or_leaked_is_reported_with_both_threads")
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(child.status.success());
    let reports = String::from_utf8(child.stderr).unwrap();
    for what in [
        "a job was run here, and is refused",
        "the state is leaked",
        "a future is leaked",
    ] {
        let report = reports.lines().find(|line| line.contains(what));
        let report = report.unwrap_or_else(|| panic!("{what}: {reports}"));
        assert!(report.starts_with("request context #"), "{report}");
        assert_eq!(report.matches("ThreadId(").count(), 2, "{report}");
    }
}
