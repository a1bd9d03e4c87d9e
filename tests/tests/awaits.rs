//! What is visible after an await, who goes on with it, and how many turns it takes.

use std::{
    future::{Future, ready},
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use futures::FutureExt;
use request_context::{
    RequestContext, context, context_async, detached, run_on_context, spawn_detached, try_with,
};
use request_context_tests::{
    Gate, Log, OnDrop, Request, block_on, context_on, count_polls, on_one_thread, on_pool,
    one_thread, poll_once, pool, seen, suspend, watchdog,
};
use tokio::{sync::oneshot, task::yield_now};

/// `work` spawned on a context, to its end: what it returns, and in how many turns.
async fn turns_of<T: Send + 'static>(
    context: &RequestContext<Request>,
    work: impl Future<Output = T> + Send + 'static,
) -> (T, usize) {
    let polls = Arc::new(AtomicUsize::new(0));
    let work = context.scheduler().spawn(count_polls(work, &polls));
    let output = work.await.unwrap();
    (output, polls.load(Ordering::SeqCst))
}

#[test]
fn awt_01_completed_by_another_thread_the_rest_takes_one_turn_on_its_context() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (complete, completed) = oneshot::channel();
        let work = turns_of(&context, async move {
            completed.await.unwrap();
            seen()
        });
        let mut work = pin!(work);
        assert!(futures::poll!(work.as_mut()).is_pending());
        yield_now().await;
        thread::spawn(move || complete.send(()).unwrap())
            .join()
            .unwrap();
        assert_eq!(work.await, ("ada".to_owned(), 2));
    });
}

/// What this thread is called.
fn here() -> String {
    thread::current().name().unwrap_or("nameless").to_owned()
}

/// Runs `test` as an executor of its own, called `name`, which belongs to no runtime.
fn on_executor<T: Send + 'static>(
    name: &str,
    test: impl Future<Output = T> + Send + 'static,
) -> thread::JoinHandle<T> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(move || block_on(test)).unwrap()
}

#[test]
fn awt_03_an_await_resumes_on_the_executor_that_polls_it_and_detached_work_on_the_pool() {
    watchdog(|| {
        let runtime = pool!(1);
        let entered = runtime.handle().clone();
        let (plain, detached) = (Gate::new(), Gate::new());
        let test = on_executor("mine", {
            let (plain, detached) = (plain.clone(), detached.clone());
            async move {
                plain.opened().await;
                let plain = here();
                let work = {
                    let _entered = entered.enter();
                    spawn_detached(async move {
                        detached.opened().await;
                        here()
                    })
                };
                [plain, work.await.unwrap(), here()]
            }
        });
        // Completed by the pool, one by one.
        let opens = runtime.spawn(async move {
            plain.open();
            detached.open();
        });
        assert_eq!(test.join().unwrap(), ["mine", "pool", "mine"]);
        runtime.block_on(opens).unwrap();
    });
}

#[test]
fn awt_05_awaiting_the_work_of_a_context_from_outside_resumes_outside() {
    watchdog(|| {
        let runtime = pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let gate = Gate::new();
        let work = context.scheduler().spawn({
            let gate = gate.clone();
            async move {
                gate.opened().await;
                [here(), seen()]
            }
        });
        let waits = on_executor(
            "mine",
            async move { [work.await.unwrap(), [here(), seen()]] },
        );
        gate.open();
        let saw = waits.join().unwrap();
        assert_eq!(saw, [["pool", "ada"], ["mine", "never"]]);
    });
}

#[test]
fn awt_06_all_awaiters_of_one_future_resume_each_in_its_own_environment_and_none_inline() {
    on_one_thread!(async {
        for awaiters in [1, 2, 5] {
            let gate = Gate::new();
            let contexts = ["ada", "bob"].map(|user| RequestContext::new(Request::of(user)));
            let resumed = Log::new();
            let tasks: Vec<_> = (0..awaiters)
                .map(|i| {
                    let (opened, resumed) = (gate.opened(), resumed.clone());
                    let waits = async move {
                        let before = seen();
                        opened.await;
                        assert_eq!(seen(), before);
                        resumed.push(before);
                    };
                    match i % 3 {
                        0 => tokio::spawn(contexts[0].run(waits)),
                        1 => tokio::spawn(run_on_context(&contexts[1], waits)),
                        _ => tokio::spawn(waits),
                    }
                })
                .collect();
            yield_now().await;
            gate.open();
            assert!(
                resumed.is_empty(),
                "inline, on the stack of who completed it"
            );
            for task in tasks {
                task.await.unwrap();
            }
            let expected = ["ada", "bob", "never", "ada", "bob"];
            assert_eq!(resumed.take(), expected[..awaiters]);
        }
    });
}

#[test]
fn awt_08_a_future_made_under_one_context_sees_the_one_under_which_it_is_awaited() {
    #[context_async(Request)]
    async fn makes() -> impl Future<Output = [String; 2]> + Send {
        let made_by = seen();
        async move {
            yield_now().await;
            [made_by, seen()]
        }
    }

    on_one_thread!(async {
        let ada = RequestContext::new(Request::of("ada"));
        let bob = RequestContext::new(Request::of("bob"));
        let future = ada.run(makes()).await;
        assert_eq!(bob.run(future).await, ["ada", "bob"]);
    });
}

#[test]
fn awt_09_a_yield_before_a_completed_future_suspends_once_kept_and_detached() {
    #[context_async(Request)]
    async fn kept() -> (u32, String) {
        suspend().await;
        (ready(1).await, seen())
    }

    #[context_async(Request)]
    async fn left() -> (u32, String) {
        #[detached]
        let read = {
            suspend().await;
            (ready(2).await, seen())
        };
        assert_eq!(context!().user, "ada");
        read
    }

    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let mut kept = pin!(context.run(kept()));
        assert!(poll_once(kept.as_mut()).is_pending());
        assert_eq!(block_on(kept), (1, "ada".to_owned()));
        let mut left = pin!(context.run(left()));
        assert!(poll_once(left.as_mut()).is_pending());
        assert_eq!(
            poll_once(left.as_mut()),
            std::task::Poll::Ready((2, "detached".to_owned()))
        );
    });
}

#[test]
fn awt_11_detached_work_resumes_without_a_turn_and_plain_work_needs_one() {
    on_pool!(3, async {
        let context = RequestContext::new(Request::of("ada"));
        let (resume, held, release) = (Gate::new(), Gate::new(), Gate::new());
        let body = |name: &'static str, log: &Log| {
            let (resume, log) = (resume.clone(), log.clone());
            async move {
                log.push("begun");
                resume.opened().await;
                log.push(format!("{name}: {}", seen()));
            }
        };
        let log = Log::new();
        let keeps = context.scheduler().spawn(body("keeps", &log));
        let leaving = body("leaves", &log);
        let leaves = context.scheduler().post(|_| spawn_detached(leaving));
        let left = leaves.await.unwrap();
        while log.len() < 2 {
            yield_now().await;
        }
        assert_eq!(log.take(), ["begun", "begun"]);
        let holder = context.scheduler().post({
            let (held, release) = (held.clone(), release.clone());
            move |_| {
                held.open();
                release.wait();
            }
        });
        held.opened().await;
        // Somebody else has the turn: only what needs none goes on.
        resume.open();
        left.await.unwrap();
        assert_eq!(log.take(), ["leaves: detached"]);
        release.open();
        keeps.await.unwrap();
        holder.await.unwrap();
        assert_eq!(log.take(), ["keeps: ada"]);
    });
}

#[test]
fn awt_14_a_yield_takes_one_more_turn_and_comes_back_to_the_same_context() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let id = context.id();
        let work = async {
            let before = current();
            yield_now().await;
            [before, current()]
        };
        let (saw, turns) = turns_of(&context, work).await;
        assert_eq!(saw, [Some(id), Some(id)]);
        assert_eq!(turns, 2);
    });

    fn current() -> Option<request_context::ContextId> {
        let scheduler = request_context::Scheduler::<Request>::from_current().ok()?;
        Some(scheduler.id())
    }
}

#[test]
fn awt_15_a_library_that_awaits_plainly_has_no_context_from_its_first_line_and_blocks_nothing() {
    /// It has never heard of contexts.
    async fn library(log: Log, begun: mpsc::Sender<()>, io: Gate) {
        log.push(seen());
        begun.send(()).unwrap();
        io.opened().await;
        log.push(seen());
    }

    #[context_async(Request)]
    async fn blocks(log: Log, begun: mpsc::Sender<()>, io: Gate) -> String {
        // In a closure, or it would not compile.
        let wait = |work| block_on(work);
        #[detached]
        wait(Box::pin(library(log, begun, io)));
        context!().user.clone()
    }

    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let (log, io) = (Log::new(), Gate::new());
        let (begun, has_begun) = mpsc::channel();
        let device = thread::spawn({
            let io = io.clone();
            move || {
                has_begun.recv().unwrap();
                io.open();
            }
        });
        assert_eq!(block_on(context.run(blocks(log.clone(), begun, io))), "ada");
        device.join().unwrap();
        assert_eq!(log.take(), ["detached", "detached"]);
    });
}

#[test]
fn awt_16_a_detached_part_holds_for_all_its_awaits_and_no_longer() {
    #[context_async(Request)]
    async fn index(log: Log) {
        for _ in 0..2 {
            #[detached]
            {
                yield_now().await;
                log.push(seen());
                // Nothing detaches this one by itself.
                yield_now().await;
                log.push(seen());
            }
            yield_now().await;
            log.push(context!().user.clone());
        }
    }

    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(index(log.clone())).await;
        let round = ["detached", "detached", "ada"];
        assert_eq!(log.take(), [round, round].concat());
    });
}

#[test]
fn awt_18_on_the_context_too_a_yield_is_pending_once_and_then_on_it() {
    #[context_async(Request)]
    async fn yields() -> String {
        suspend().await;
        context!().user.clone()
    }

    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let inner = context.clone();
        let polls = context.scheduler().blocking_send(move |_| {
            let mut work = pin!(inner.run(yields()));
            [(); 2].map(|()| poll_once(work.as_mut()))
        });
        let [first, second] = polls.unwrap();
        assert!(first.is_pending());
        assert_eq!(second, std::task::Poll::Ready("ada".to_owned()));
    });
}

#[test]
fn awt_23_a_callee_runs_on_its_context_and_its_caller_is_back_on_its_own_however_it_ends() {
    #[context_async(u32)]
    async fn callee(log: Log, end: u32) -> Result<u32, u32> {
        yield_now().await;
        log.push(format!("{}", try_with(|state: &u32| *state).unwrap()));
        let _leaves = OnDrop::new(|| assert_eq!(seen_state(), Some(7)));
        match end {
            0 => Ok(*context!()),
            1 => Err(*context!()),
            _ => panic!("the callee panics"),
        }
    }

    fn seen_state() -> Option<u32> {
        try_with(|state: &u32| *state).ok()
    }

    #[context_async(Request)]
    async fn caller(other: RequestContext<u32>, log: Log) {
        for end in 0..3 {
            log.push(context!().user.clone());
            let call = run_on_context(&other, callee(log.clone(), end));
            let result = AssertUnwindSafe(call).catch_unwind().await;
            assert_eq!(seen(), "ada");
            assert_eq!(seen_state(), None);
            match end {
                0 => assert_eq!(result.unwrap(), Ok(7)),
                1 => assert_eq!(result.unwrap(), Err(7)),
                _ => assert!(result.is_err()),
            }
        }
        log.push(context!().user.clone());
    }

    on_pool!(2, async {
        let log = Log::new();
        let other = RequestContext::new(7);
        let context = RequestContext::new(Request::of("ada"));
        context.run(caller(other, log.clone())).await;
        assert_eq!(log.take(), ["ada", "7", "ada", "7", "ada", "7", "ada"]);
    });
}
