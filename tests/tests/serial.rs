//! One thread at a time: work of one context never overlaps, though it moves between threads.

use std::{
    cell::Cell,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use request_context::{
    CurrentContext, RequestContext, Scheduler, context, context_async, scheduler,
    spawn_blocking_detached, try_with,
};
use request_context_tests::{
    Gate, Log, Overlap, Request, block_on, context_on, on_pool, pool, seen, stress_on_pool,
    watchdog,
};
use tokio::task::yield_now;

#[test]
fn sd_06_blocking_operations_on_one_context_run_one_after_the_other() {
    #[context_async(Request)]
    async fn execute(overlap: Arc<Overlap>, log: Log) {
        yield_now().await;
        log.push("begin");
        overlap.linger();
        log.push("end");
    }

    #[context_async(Request)]
    async fn index(overlap: Arc<Overlap>, log: Log) {
        let tasks = [(); 3].map(|()| scheduler!().spawn(execute(overlap.clone(), log.clone())));
        for task in tasks {
            task.await.unwrap();
        }
    }

    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        for _ in 0..20 {
            let (overlap, log) = (Arc::new(Overlap::default()), Log::new());
            context.run(index(overlap.clone(), log.clone())).await;
            assert_eq!(overlap.most(), 1);
            assert_eq!(log.take(), ["begin", "end", "begin", "end", "begin", "end"]);
        }
    });
}

#[test]
fn sd_07_detached_operations_run_in_parallel_and_their_continuations_do_not() {
    #[context_async(Request)]
    async fn execute(operation: Arc<Barrier>, overlap: Arc<Overlap>) {
        // Only three at once get past it.
        spawn_blocking_detached(move || {
            operation.wait();
        })
        .await
        .unwrap();
        overlap.linger();
        context!().increment();
    }

    #[context_async(Request)]
    async fn index(overlap: Arc<Overlap>) -> u32 {
        let operation = Arc::new(Barrier::new(3));
        let tasks =
            [(); 3].map(|()| scheduler!().spawn(execute(operation.clone(), overlap.clone())));
        for task in tasks {
            task.await.unwrap();
        }
        context!().count.get()
    }

    on_pool!(4, async {
        let overlap = Arc::new(Overlap::default());
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(context.run(index(overlap.clone())).await, 3);
        assert_eq!(overlap.most(), 1);
    });
}

/// A state that notices when two are in it.
#[derive(Default)]
struct Exclusive {
    busy: AtomicBool,
    turns: Cell<usize>,
}

impl Exclusive {
    /// What one turn does; all of it between two suspensions.
    fn turn(&self) {
        let entered = self
            .busy
            .compare_exchange(false, true, Ordering::Relaxed, Ordering::Relaxed);
        assert!(entered.is_ok(), "two turns at once");
        let turns = self.turns.get();
        std::hint::spin_loop();
        self.turns.set(turns + 1);
        let left = self
            .busy
            .compare_exchange(true, false, Ordering::Relaxed, Ordering::Relaxed);
        assert!(left.is_ok(), "two turns at once");
    }
}

#[context_async(Exclusive)]
async fn suspends_three_times() {
    for _ in 0..3 {
        context!().turn();
        yield_now().await;
    }
    context!().turn();
}

#[test]
fn sd_14_no_two_turns_of_ten_thousand_tasks_overlap() {
    const TASKS: usize = 10_000;

    stress_on_pool!(8, async {
        let context = RequestContext::new(Exclusive::default());
        let spawned: Vec<_> = (0..TASKS / 2)
            .map(|_| context.scheduler().spawn(suspends_three_times()))
            .collect();
        let entered: Vec<_> = (0..TASKS / 2)
            .map(|_| tokio::spawn(context.run(suspends_three_times())))
            .collect();
        for task in spawned {
            task.await.unwrap();
        }
        for task in entered {
            task.await.unwrap();
        }
        let turns = context.scheduler().post(|state| state.turns.get()).await;
        assert_eq!(turns.unwrap(), 4 * TASKS);
    });
}

#[test]
fn sd_15_the_worker_of_a_suspended_request_serves_another() {
    #[context_async(Request)]
    async fn waits_for_a_timer(log: Log) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        log.push(format!("{} resumes", context!().user));
    }

    #[context_async(Request)]
    async fn is_short(log: Log) {
        yield_now().await;
        log.push(format!("{} is done", context!().user));
    }

    watchdog(|| {
        // Time stands still until there is nothing else to do.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let log = Log::new();
            let first = RequestContext::new(Request::of("first"));
            let second = RequestContext::new(Request::of("second"));
            let slow = tokio::spawn(first.run(waits_for_a_timer(log.clone())));
            yield_now().await;
            second.run(is_short(log.clone())).await;
            // The context of the suspended request is free for other work of its own, too.
            first.run(is_short(log.clone())).await;
            slow.await.unwrap();
            assert_eq!(
                log.take(),
                ["second is done", "first is done", "first resumes"]
            );
        });
    });
}

#[test]
fn sd_16_a_request_resumes_on_the_same_and_on_other_threads_with_its_context() {
    #[context_async(Request)]
    async fn resumes(enough: impl Fn(usize, usize, usize) -> bool + Send) -> [usize; 3] {
        let [mut resumptions, mut same, mut other] = [0; 3];
        let id = CurrentContext::id(&context!());
        while !enough(resumptions, same, other) {
            let before = thread::current().id();
            if resumptions % 2 == 0 {
                yield_now().await;
            } else {
                // Completed by a thread that is no worker: any of them may take the rest up.
                spawn_blocking_detached(|| ()).await.unwrap();
            }
            if before == thread::current().id() {
                same += 1;
            } else {
                other += 1;
            }
            resumptions += 1;
            assert_eq!(CurrentContext::id(&context!()), id);
            assert_eq!(Scheduler::<Request>::from_current().unwrap().id(), id);
            assert_eq!(seen(), context!().user);
        }
        [resumptions, same, other]
    }

    on_pool!(4, async {
        let requests: Vec<_> = (0..4)
            .map(|i| {
                let context = RequestContext::new(Request::of(&format!("user {i}")));
                // A thousand, and then until both have been seen; the watchdog ends it otherwise.
                let enough =
                    |resumptions, same, other| resumptions >= 1000 && same > 0 && other > 0;
                tokio::spawn(context.run(resumes(enough)))
            })
            .collect();
        for request in requests {
            let [resumptions, same, other] = request.await.unwrap();
            assert!(resumptions >= 1000);
            assert!(same > 0 && other > 0);
        }
    });
}

#[test]
fn sd_39_two_threads_share_a_context_one_after_the_other_and_a_third_has_none() {
    #[context_async(Request)]
    async fn thread_and_context() -> (thread::ThreadId, Option<request_context::ContextId>) {
        (thread::current().id(), current())
    }

    fn current() -> Option<request_context::ContextId> {
        let scheduler = Scheduler::<Request>::from_current().ok()?;
        Some(scheduler.id())
    }

    watchdog(|| {
        let runtime = pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let id = context.id();
        let [first, second] = [(); 2].map(|()| {
            let context = context.clone();
            thread::spawn(move || block_on(context.run(thread_and_context())))
                .join()
                .unwrap()
        });
        assert_ne!(first.0, second.0);
        assert_eq!([first.1, second.1], [Some(id), Some(id)]);
        assert_eq!(thread::spawn(current).join().unwrap(), None);
    });
}

#[test]
fn ser_09_a_turn_that_blocks_on_one_context_delays_no_other_context() {
    #[context_async(Request)]
    async fn blocks(blocked: Gate, release: Gate) {
        blocked.open();
        let wait = || release.wait();
        wait();
    }

    on_pool!(2, async {
        let slow = RequestContext::new(Request::of("slow"));
        let (blocked, release) = (Gate::new(), Gate::new());
        let blocking = slow
            .scheduler()
            .spawn(blocks(blocked.clone(), release.clone()));
        blocked.opened().await;

        let quick = RequestContext::new(Request::of("quick"));
        assert_eq!(quick.run(async { seen() }).await, "quick");
        let spawned = quick.scheduler().spawn(async {
            yield_now().await;
            seen()
        });
        assert_eq!(spawned.await.unwrap(), "quick");
        assert!(!blocking.is_finished());
        release.open();
        blocking.await.unwrap();
    });
}

#[test]
fn ser_08_operations_of_one_context_are_strictly_sequential_while_others_proceed() {
    #[context_async(Request)]
    async fn operation(begun: Gate, end: Gate) {
        begun.open();
        let blocks = || end.wait();
        blocks();
        context!().increment();
    }

    on_pool!(2, async {
        let strand = RequestContext::new(Request::of("strand"));
        let other = RequestContext::new(Request::of("other"));
        let gates = [(); 3].map(|()| [Gate::new(), Gate::new()]);
        let operations = gates
            .clone()
            .map(|[begun, end]| strand.scheduler().spawn(operation(begun, end)));
        for (i, [begun, end]) in gates.iter().enumerate() {
            begun.opened().await;
            // The next one is ready, and has not begun.
            assert!(gates[i + 1..].iter().all(|[begun, _]| !begun.is_open()));
            assert_eq!(other.scheduler().post(|_| seen()).await.unwrap(), "other");
            end.open();
        }
        for operation in operations {
            operation.await.unwrap();
        }
        let count = strand.scheduler().post(|request| request.count.get());
        assert_eq!(count.await.unwrap(), 3);
    });
}

#[test]
fn ser_14_what_a_task_has_set_may_be_anothers_after_an_await() {
    type Opinion = std::cell::RefCell<&'static str>;

    #[context_async(Opinion)]
    async fn decides(opinion: &'static str) -> &'static str {
        context!().replace(opinion);
        assert_eq!(
            *context!().borrow(),
            opinion,
            "nobody else's before the await"
        );
        yield_now().await;
        *context!().borrow()
    }

    #[context_async(Opinion)]
    async fn both() -> (&'static str, &'static str) {
        tokio::join!(decides("good idea"), decides("bad idea"))
    }

    on_pool!(1, async {
        let context = RequestContext::new(Opinion::default());
        assert_eq!(context.run(both()).await, ("bad idea", "bad idea"));
    });
}

#[test]
fn run_waits_for_the_turn_that_another_thread_holds() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let (blocked, release) = (Gate::new(), Gate::new());
        let log = Log::new();
        let holder = context.scheduler().post({
            let (blocked, release, log) = (blocked.clone(), release.clone(), log.clone());
            move |_| {
                blocked.open();
                release.wait();
                log.push("holder");
            }
        });
        blocked.opened().await;
        let (polled, was_polled) = mpsc::channel();
        let waiter = thread::spawn({
            let (run, log) = (context.run(async { seen() }), log.clone());
            move || {
                let mut run = Box::pin(run);
                block_on(std::future::poll_fn(|cx| {
                    let poll = run.as_mut().poll(cx);
                    let _ = polled.send(poll.is_pending());
                    poll
                }));
                log.push("waiter");
            }
        });
        // It could not go in.
        assert!(was_polled.recv().unwrap());
        release.open();
        holder.await.unwrap();
        tokio::task::spawn_blocking(|| waiter.join())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(log.take(), ["holder", "waiter"]);
    });
}

#[test]
fn increments_of_a_plain_cell_by_eight_spawners_are_exact() {
    const SPAWNERS: usize = 8;
    const INCREMENTS: usize = 100_000;

    struct Counter(Cell<usize>);

    #[context_async(Counter)]
    async fn increments(times: usize) {
        for i in 0..times {
            let counter = context!();
            counter.0.set(counter.0.get() + 1);
            if i % 25 == 0 {
                yield_now().await;
            }
        }
    }

    stress_on_pool!(8, async {
        let context = RequestContext::new(Counter(Cell::new(0)));
        let done = Arc::new(AtomicUsize::new(0));
        let spawners: Vec<_> = (0..SPAWNERS)
            .map(|spawner| {
                let (context, done) = (context.clone(), done.clone());
                tokio::spawn(async move {
                    let mut left = INCREMENTS / SPAWNERS;
                    while left > 0 {
                        let times = left.min(50);
                        left -= times;
                        match (spawner + left / 50) % 3 {
                            0 => drop(context.scheduler().spawn(increments(times))),
                            1 => context.run(increments(times)).await,
                            _ => {
                                for _ in 0..times {
                                    drop(context.scheduler().post(|counter: &Counter| {
                                        counter.0.set(counter.0.get() + 1);
                                    }));
                                }
                            }
                        }
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        for spawner in spawners {
            spawner.await.unwrap();
        }
        context.idle().await.unwrap();
        assert_eq!(done.load(Ordering::SeqCst), SPAWNERS);
        let total = context
            .run(async { try_with(|counter: &Counter| counter.0.get()).unwrap() })
            .await;
        assert_eq!(total, INCREMENTS);
    });
}
