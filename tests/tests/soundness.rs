//! What an adversary with safe code only may try, and what it comes to.
//!
//! That attached futures and tokens cannot be made `'static` (the first rule) is the compiler's
//! business, and so a ui case.

use std::{
    cell::Cell,
    future::{pending, poll_fn},
    ops::ControlFlow,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};

use futures::FutureExt;
use request_context::{
    CurrentContext, RequestContext, Scheduler, attach, context, context_async, context_block,
    detached, scheduler, try_with,
};
use request_context_tests::{
    Caught, Gate, Log, OnDrop, Request, ambient, block_on, caught, context_on, on_one_thread,
    on_pool, one_thread, poll_once, pool, seen, sees_on_drop, stress_on_pool, watchdog,
};
use tokio::task::yield_now;

// ---------------------------------------------------------------- S2: the root owns the context

struct Mortal {
    log: Log,
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.log.push("state");
    }
}

#[context_async(Mortal)]
async fn outlives_every_handle() {
    let log = context!().log.clone();
    let _local = OnDrop::new(move || {
        let alive = try_with(|state: &Mortal| state.log.push("local"));
        alive.expect("the state is alive while the body's locals drop");
        drop(log);
    });
    pending().await
}

#[test]
fn s2_a_dropped_run_drops_its_body_before_the_state() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Mortal { log: log.clone() });
        let scheduler = context.scheduler();
        let mut run = Box::pin(context.run(outlives_every_handle()));
        drop(context);
        assert!(poll_once(run.as_mut()).is_pending());
        drop(scheduler);
        assert!(log.is_empty());
        drop(run);
        assert_eq!(log.take(), ["local", "state"]);
    });
}

#[test]
fn s2_aborted_work_drops_its_body_before_the_state() {
    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Mortal { log: log.clone() });
        let work = context.scheduler().spawn(outlives_every_handle());
        drop(context);
        yield_now().await;
        assert!(log.is_empty());
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        yield_now().await;
        assert_eq!(log.take(), ["local", "state"]);
    });
}

#[test]
fn s2_a_runtime_shutdown_drops_the_bodies_before_the_state() {
    #[context_async(Mortal)]
    async fn waits_for_a_timer() {
        let _local = OnDrop::new(|| try_with(|state: &Mortal| state.log.push("local")).unwrap());
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    }

    watchdog(|| {
        let runtime = one_thread!();
        let log = Log::new();
        runtime.block_on(async {
            let context = RequestContext::new(Mortal { log: log.clone() });
            drop(context.scheduler().spawn(waits_for_a_timer()));
            drop(tokio::spawn(context.run(outlives_every_handle())));
            drop(context);
            yield_now().await;
        });
        assert!(log.is_empty());
        drop(runtime);
        assert_eq!(log.take(), ["local", "local", "state"]);
    });
}

#[test]
fn s2_a_run_that_was_left_behind_keeps_the_state_alive_until_it_is_dropped() {
    watchdog(|| {
        let runtime = one_thread!();
        let log = Log::new();
        let (context, held) = {
            let _entered = runtime.enter();
            let context = RequestContext::new(Mortal { log: log.clone() });
            (context.clone(), context)
        };
        let mut run = Box::pin(context.run(outlives_every_handle()));
        assert!(poll_once(run.as_mut()).is_pending());
        let holds = held.run(async move {
            thread::spawn(move || drop((run, context))).join().unwrap();
        });
        drop(held);
        block_on(holds);
        assert_eq!(log.take(), ["local", "state"]);
    });
}

// ---------------------------------------------------------------- S3: polled and dropped under the turn

/// A state that notices when two threads are in it.
#[derive(Default)]
struct Exclusive {
    busy: AtomicBool,
    uses: Cell<usize>,
}

impl Exclusive {
    fn uses(&self) {
        assert!(
            !self.busy.swap(true, Ordering::Relaxed),
            "two threads at once"
        );
        let uses = self.uses.get();
        std::hint::spin_loop();
        self.uses.set(uses + 1);
        assert!(
            self.busy.swap(false, Ordering::Relaxed),
            "two threads at once"
        );
    }
}

fn use_visible() {
    try_with(Exclusive::uses).unwrap();
}

#[context_async(Exclusive)]
async fn used_also_when_dropped() {
    let _local = OnDrop::new(use_visible);
    loop {
        context!().uses();
        yield_now().await;
    }
}

#[test]
fn s3_bodies_dropped_on_many_threads_are_never_in_the_state_at_once() {
    const TASKS: usize = 8;
    const ROUNDS: usize = 500;

    stress_on_pool!(8, async {
        let context = RequestContext::new(Exclusive::default());
        let polls = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (context, polls) = (context.clone(), polls.clone());
                tokio::spawn(async move {
                    for _ in 0..ROUNDS {
                        let mut run = Box::pin(context.run(used_also_when_dropped()));
                        let started = poll_once(run.as_mut());
                        assert!(started.is_pending());
                        yield_now().await;
                        drop(run);
                        let spawned = context.scheduler().spawn(used_also_when_dropped());
                        yield_now().await;
                        spawned.abort();
                        assert!(spawned.await.unwrap_err().is_cancelled());
                        context.run(async { use_visible() }).await;
                        polls.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        context.idle().await.unwrap();
        let uses = context
            .run(async { try_with(|state: &Exclusive| state.uses.get()) })
            .await;
        assert!(uses.unwrap() >= TASKS * ROUNDS);
        assert_eq!(polls.load(Ordering::Relaxed), TASKS * ROUNDS);
    });
}

#[test]
fn s3_a_run_polled_while_another_thread_holds_the_turn_does_not_go_in() {
    watchdog(|| {
        let runtime = pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let runs = context.clone();
        let holds = context.run(async move {
            thread::spawn(move || {
                let mut run = pin!(runs.run(async { ambient().unwrap() }));
                assert!(poll_once(run.as_mut()).is_pending());
                assert_eq!(seen(), "never");
            })
            .join()
            .unwrap();
        });
        block_on(holds);
    });
}

// ---------------------------------------------------------------- S4: posted closures

#[test]
fn s4_posted_closures_use_the_state_one_at_a_time_and_are_dropped_on_the_context() {
    const POSTS: usize = 20_000;

    stress_on_pool!(4, async {
        let context = RequestContext::new(Exclusive::default());
        let posters: Vec<_> = (0..4)
            .map(|_| {
                let scheduler = context.scheduler();
                tokio::spawn(async move {
                    for i in 0..POSTS / 4 {
                        let captured = OnDrop::new(use_visible);
                        let handle = scheduler.post(move |state| {
                            state.uses();
                            drop(captured);
                        });
                        if i % 100 == 0 {
                            handle.await.unwrap();
                        } else if i % 7 == 0 {
                            handle.abort();
                        }
                    }
                })
            })
            .collect();
        for poster in posters {
            poster.await.unwrap();
        }
        context.idle().await.unwrap();
        let uses = context
            .scheduler()
            .post(|state| state.uses.get())
            .await
            .unwrap();
        // Aborted or not, each has been dropped.
        assert!((POSTS..=2 * POSTS).contains(&uses), "{uses}");
    });
}

// ---------------------------------------------------------------- S5: the token knows its context

fn assert_at_the_caller(panic: &Caught, line: u32, text: &str) {
    assert!(panic.message.contains(text), "{}", panic.message);
    assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
}

const NOT_IN_IT: &str = "this request context is used on a thread that is not in it";

#[test]
fn s5_a_token_used_on_a_scoped_thread_panics_there() {
    #[context_async(Request)]
    async fn body() -> (Caught, u32) {
        let request = context!();
        let panic = thread::scope(|scope| {
            let other = scope.spawn(|| {
                let line = line!() + 1;
                (caught(|| request.count.set(1)), line)
            });
            other.join().unwrap()
        });
        assert_eq!(request.count.get(), 0);
        panic
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (panic, line) = context.run(body()).await;
        assert_at_the_caller(&panic, line, NOT_IN_IT);
    });
}

#[test]
fn s5_the_word_itself_used_on_a_scoped_thread_panics_there() {
    #[context_async(Request)]
    async fn body() -> (Caught, u32) {
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let line = line!() + 1;
                (caught(|| context!().increment()), line)
            });
            other.join().unwrap()
        })
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (panic, line) = context.run(body()).await;
        assert_at_the_caller(&panic, line, NOT_IN_IT);
    });
}

#[context_async(Request)]
async fn touches() {
    context!().increment();
}

#[test]
fn s5_an_attached_future_polled_on_a_scoped_thread_panics_there() {
    #[context_async(Request)]
    async fn body() -> (Caught, u32) {
        let panic = {
            let mut work = pin!(attach!(touches()));
            thread::scope(|scope| {
                let other = scope.spawn(|| {
                    let mut cx = Context::from_waker(Waker::noop());
                    let line = line!() + 1;
                    (caught(|| work.as_mut().poll(&mut cx)), line)
                });
                other.join().unwrap()
            })
        };
        assert_eq!(context!().count.get(), 0);
        panic
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (panic, line) = context.run(body()).await;
        assert_at_the_caller(&panic, line, NOT_IN_IT);
    });
}

#[test]
fn s5_an_attached_future_polled_in_a_detached_part_panics_there() {
    #[context_async(Request)]
    async fn body() -> (Caught, u32) {
        let mut work = pin!(attach!(touches()));
        #[detached]
        let panic = {
            let mut cx = Context::from_waker(Waker::noop());
            let line = line!() + 1;
            (caught(|| work.as_mut().poll(&mut cx)), line)
        };
        work.await;
        panic
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (panic, line) = context.run(body()).await;
        assert_at_the_caller(
            &panic,
            line,
            "this request context is used where it is hidden",
        );
        assert_eq!(
            context.scheduler().post(|r| r.count.get()).await.unwrap(),
            1
        );
    });
}

#[test]
fn s5_a_boxed_attached_future_dropped_on_a_scoped_thread_does_not_reach_the_state_there() {
    #[context_async(Request)]
    async fn holds(log: Log) {
        let _local = sees_on_drop(&log);
        pending().await
    }

    #[context_async(Request)]
    async fn body(log: Log) {
        let mut work = Box::pin(attach!(holds(log.clone())));
        let poll = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx)));
        assert!(poll.await.is_pending());
        thread::scope(|scope| {
            scope.spawn(|| drop(work)).join().unwrap();
        });
        assert_eq!(seen(), "ada");
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(body(log.clone())).await;
        assert_eq!(log.take(), ["never"]);
    });
}

#[test]
fn s5_a_handle_kept_in_a_variable_and_used_in_a_detached_part_panics_naming_both_places() {
    #[context_async(Request)]
    async fn body() -> [(Caught, u32, u32); 2] {
        let request = context!();
        let part = line!() + 1;
        #[detached]
        let first = {
            let line = line!() + 1;
            (caught(|| request.increment()), line, part)
        };
        let part = line!() + 1;
        #[detached]
        let second = {
            yield_now().await;
            let line = line!() + 1;
            (caught(|| request.increment()), line, part)
        };
        assert_eq!(request.count.get(), 0);
        [first, second]
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        for (panic, line, part) in context.run(body()).await {
            assert_at_the_caller(
                &panic,
                line,
                "this request context is used where it is hidden",
            );
            let place = format!("detached at {}:{part}", file!());
            assert!(panic.message.contains(&place), "{}", panic.message);
        }
    });
}

#[test]
fn s5_plain_data_borrowed_before_a_detached_part_stays_usable_in_it() {
    #[context_async(Arc<str>)]
    async fn body() -> usize {
        let text: &str = &context!();
        #[detached]
        let length = {
            yield_now().await;
            text.len()
        };
        length
    }

    on_one_thread!(async {
        let context = RequestContext::new(Arc::<str>::from("ada"));
        assert_eq!(context.run(body()).await, 3);
    });
}

#[test]
fn s5_each_nested_turn_sees_its_own_context_and_the_outer_one_again_after() {
    #[context_async(Request)]
    async fn innermost(log: Log) {
        log.push(format!("{} {}", context!().user, seen()));
        let other = try_with(|number: &u32| *number);
        log.push(other.unwrap_err().to_string());
    }

    #[context_async(u32)]
    async fn middle(log: Log, outer: Scheduler<Request>) {
        log.push(format!(
            "{} {}",
            *context!(),
            try_with(|n: &u32| *n).unwrap()
        ));
        log.push(ambient().unwrap_err().to_string());
        outer.run(innermost(log.clone())).await;
        log.push(format!(
            "{} {}",
            *context!(),
            try_with(|n: &u32| *n).unwrap()
        ));
    }

    #[context_async(Request)]
    async fn outermost(log: Log, other: RequestContext<u32>) {
        let request = context!();
        other.run(middle(log.clone(), scheduler!())).await;
        log.push(format!("{} {}", request.user, seen()));
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(7);
        // One poll: all of it is inline.
        assert!(poll_once(pin!(context.run(outermost(log.clone(), other)))).is_ready());
        let request = std::any::type_name::<Request>();
        assert_eq!(
            log.take(),
            [
                "7 7".to_owned(),
                format!("the request context here has state `u32`, not `{request}`"),
                "ada ada".to_owned(),
                format!("the request context here has state `{request}`, not `u32`"),
                "7 7".to_owned(),
                "ada ada".to_owned(),
            ]
        );
    });
}

#[test]
fn s5_two_contexts_with_the_same_type_of_state_are_not_taken_for_each_other() {
    #[context_async(Request)]
    async fn inner() -> (String, request_context::ContextId) {
        (seen(), CurrentContext::id(&context!()))
    }

    #[context_async(Request)]
    async fn outer(other: RequestContext<Request>) {
        let request = context!();
        assert_eq!(other.run(inner()).await, ("bob".to_owned(), other.id()));
        assert_eq!(request.user, "ada");
        assert_eq!(seen(), "ada");
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(Request::of("bob"));
        context.run(outer(other)).await;
    });
}

// ---------------------------------------------------------------- S7: detached parts restore

fn fails() -> Result<u32, &'static str> {
    assert_eq!(seen(), "detached");
    Err("failed")
}

#[context_async(Request)]
async fn leaves_by_question_mark(suspend: bool) -> Result<u32, &'static str> {
    #[detached]
    let _value = {
        if suspend {
            yield_now().await;
        }
        fails()?
    };
    unreachable!();
}

#[context_async(Request)]
async fn leaves_by_return(suspend: bool) -> u32 {
    #[detached]
    {
        if suspend {
            yield_now().await;
        }
        assert_eq!(seen(), "detached");
        return 3;
    }
}

#[context_async(Request)]
async fn leaves_by_break(suspend: bool) -> u32 {
    let mut turns = 0;
    let found = 'outer: loop {
        #[detached]
        {
            for i in 0.. {
                if suspend {
                    yield_now().await;
                }
                assert_eq!(seen(), "detached");
                turns += 1;
                if i == 1 && turns < 4 {
                    continue 'outer;
                }
                if i == 1 {
                    break 'outer i;
                }
            }
        }
    };
    assert_eq!(seen(), "ada");
    context!().increment();
    found + turns
}

#[test]
fn s7_question_mark_return_and_break_leave_a_detached_part_and_end_it() {
    #[context_async(Request)]
    async fn body(suspend: bool) {
        assert_eq!(leaves_by_question_mark(suspend).await, Err("failed"));
        assert_eq!(seen(), "ada");
        assert_eq!(leaves_by_return(suspend).await, 3);
        assert_eq!(seen(), "ada");
        assert_eq!(leaves_by_break(suspend).await, 5);
        assert_eq!(seen(), "ada");
        let request = context!();
        for flow in [ControlFlow::Continue(1), ControlFlow::Break(2)] {
            #[detached]
            if let ControlFlow::Break(_) = flow {
                break;
            }
            assert_eq!(request.user, "ada");
        }
        assert_eq!(seen(), "ada");
        assert_eq!(request.user, "ada");
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        context.run(body(false)).await;
        context.run(body(true)).await;
        context.scheduler().spawn(body(true)).await.unwrap();
    });
}

#[test]
fn s7_siblings_in_the_same_poll_see_the_context_while_another_is_in_a_detached_part() {
    #[context_async(Request)]
    async fn detaches(log: Log, gate: Gate) {
        #[detached]
        {
            log.push(format!("part: {}", seen()));
            gate.opened().await;
            log.push(format!("part: {}", seen()));
            yield_now().await;
            log.push(format!("part: {}", seen()));
        }
        log.push(format!("after the part: {}", seen()));
    }

    #[context_async(Request)]
    async fn sibling(log: Log, gate: Gate) {
        log.push(format!("sibling: {} {}", seen(), context!().user));
        gate.open();
        yield_now().await;
        log.push(format!("sibling: {} {}", seen(), context!().user));
    }

    #[context_async(Request)]
    async fn body(log: Log, gate: Gate) {
        tokio::join!(
            detaches(log.clone(), gate.clone()),
            sibling(log.clone(), gate.clone()),
        );
        log.push(format!("body: {} {}", seen(), context!().user));
    }

    on_one_thread!(async {
        let (log, gate) = (Log::new(), Gate::new());
        let context = RequestContext::new(Request::of("ada"));
        context.run(body(log.clone(), gate)).await;
        let log = log.take();
        assert_eq!(
            log.iter().filter(|line| *line == "part: detached").count(),
            3
        );
        assert_eq!(
            log.iter()
                .filter(|line| *line == "sibling: ada ada")
                .count(),
            2
        );
        assert_eq!(log.len(), 7);
        assert_eq!(log[6], "body: ada ada");
        assert!(log.contains(&"after the part: ada".to_owned()));
    });
}

#[test]
fn s7_dropped_while_suspended_in_a_detached_part_its_locals_see_nothing_and_the_others_do() {
    struct SeesOnDropWhenPolled(Log);
    impl Future for SeesOnDropWhenPolled {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }
    impl Drop for SeesOnDropWhenPolled {
        fn drop(&mut self) {
            self.0.push(format!("awaited: {}", seen()));
        }
    }

    #[context_async(Request)]
    async fn body(log: Log) {
        let outside = log.clone();
        let _outside = OnDrop::new(move || outside.push(format!("outside: {}", seen())));
        #[detached]
        {
            let inside = log.clone();
            let _inside = OnDrop::new(move || inside.push(format!("inside: {}", seen())));
            SeesOnDropWhenPolled(log.clone()).await;
        }
    }

    #[context_async(Request)]
    async fn drops_it_in_a_select(log: Log) {
        {
            let mut work = Box::pin(attach!(body(log.clone())));
            let poll = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx)));
            assert!(poll.await.is_pending());
            assert_eq!(seen(), "ada");
        }
        log.push(format!("after: {}", seen()));
        // And where the one who drops it is detached, the drop must not end that.
        let mut work = Box::pin(attach!(body(log.clone())));
        let poll = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx)));
        assert!(poll.await.is_pending());
        log.take();
        #[detached]
        {
            drop(work);
            log.push(format!("still: {}", seen()));
        }
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let expected = ["awaited: detached", "inside: detached", "outside: ada"];

        let mut run = Box::pin(context.run(body(log.clone())));
        assert!(poll_once(run.as_mut()).is_pending());
        drop(run);
        assert_eq!(log.take(), expected);

        let work = context.scheduler().spawn(body(log.clone()));
        yield_now().await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), expected);

        context.run(drops_it_in_a_select(log.clone())).await;
        assert_eq!(log.take().last().unwrap(), "still: detached");
    });
}

#[test]
fn s7_what_a_detached_part_awaits_sees_nothing_at_any_of_its_polls() {
    /// Plain code, which hides nothing itself.
    async fn looks_at_each_poll(log: Log) {
        let _local = sees_on_drop(&log);
        for _ in 0..2 {
            log.push(seen());
            yield_now().await;
        }
        log.push(seen());
    }

    #[context_async(Request)]
    async fn body(log: Log) {
        #[detached]
        looks_at_each_poll(log.clone()).await;
        #[detached]
        {
            tokio::join!(looks_at_each_poll(log.clone()), yield_now());
        }
        log.push(seen());
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        for spawned in [false, true] {
            let log = Log::new();
            if spawned {
                context.scheduler().spawn(body(log.clone())).await.unwrap();
            } else {
                context.run(body(log.clone())).await;
            }
            let mut log = log.take();
            assert_eq!(log.pop().unwrap(), "ada");
            assert_eq!(log, ["detached"; 8]);
        }
    });
}

#[test]
fn s7_nested_detached_parts_end_one_by_one() {
    #[context_async(Request)]
    async fn body(suspend: bool) -> Vec<Option<u32>> {
        fn line_of_part() -> Option<u32> {
            let error = ambient().err()?;
            error.detached_at().map(|at| at.line())
        }

        let mut lines = vec![line_of_part()];
        let outer = line!() + 1;
        #[detached]
        {
            if suspend {
                yield_now().await;
            }
            lines.push(line_of_part());
            let inner = line!() + 1;
            #[detached]
            {
                lines.push(line_of_part());
                if suspend {
                    yield_now().await;
                    lines.pop();
                    lines.push(line_of_part());
                }
            }
            lines.push(line_of_part());
            if suspend {
                yield_now().await;
                lines.pop();
                lines.push(line_of_part());
            }
            assert_eq!(lines[1..], [Some(outer), Some(inner), Some(outer)]);
        }
        lines.push(line_of_part());
        lines
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        for suspend in [false, true] {
            let lines = context.run(body(suspend)).await;
            assert_eq!(lines.len(), 5);
            assert_eq!([lines[0], lines[4]], [None, None]);
        }
    });
}

#[test]
fn s7_dropped_in_nested_detached_parts_each_local_sees_what_its_own_place_does() {
    #[context_async(Request)]
    async fn body(log: Log) {
        let _outside = sees_on_drop(&log);
        #[detached]
        {
            let _outer = sees_on_drop(&log);
            #[detached]
            {
                let _inner = sees_on_drop(&log);
                pending::<()>().await;
            }
        }
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let mut run = Box::pin(context.run(body(log.clone())));
        assert!(poll_once(run.as_mut()).is_pending());
        drop(run);
        assert_eq!(log.take(), ["detached", "detached", "ada"]);
    });
}

#[test]
fn s7_a_panic_in_a_detached_part_caught_further_out_in_the_body_restores_the_context() {
    #[context_async(Request)]
    async fn panics(suspend: bool) {
        #[detached]
        {
            if suspend {
                yield_now().await;
            }
            assert_eq!(seen(), "detached");
            panic!("in the part");
        }
    }

    #[context_async(Request)]
    async fn body() {
        for suspend in [false, true] {
            let caught = AssertUnwindSafe(attach!(panics(suspend)))
                .catch_unwind()
                .await;
            assert!(caught.is_err());
            assert_eq!(seen(), "ada");
            assert_eq!(context!().user, "ada");
        }
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        context.run(body()).await;
    });
}

#[test]
fn s7_a_panic_of_what_a_detached_part_awaits_restores_the_context() {
    #[detached]
    async fn panics(suspend: bool) {
        if suspend {
            yield_now().await;
        }
        panic!("in the fn");
    }

    #[context_async(Request)]
    async fn part(suspend: bool) {
        #[detached]
        panics(suspend).await;
    }

    #[context_async(Request)]
    async fn body() {
        for suspend in [false, true] {
            let caught = AssertUnwindSafe(attach!(part(suspend)))
                .catch_unwind()
                .await;
            assert!(caught.is_err());
            assert_eq!(seen(), "ada");
        }
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        context.run(body()).await;
        context.scheduler().spawn(body()).await.unwrap();
    });
}

#[test]
fn s7_a_context_entered_inside_a_detached_part_is_visible_there_and_hidden_again_after() {
    #[context_async(Request)]
    async fn body(scheduler: Scheduler<Request>, other: RequestContext<Request>) -> Vec<String> {
        let mut log = Vec::new();
        #[detached]
        {
            log.push(seen());
            log.push(
                scheduler
                    .run(async {
                        yield_now().await;
                        seen()
                    })
                    .await,
            );
            log.push(seen());
            log.push(
                other
                    .run(async {
                        yield_now().await;
                        seen()
                    })
                    .await,
            );
            log.push(seen());
        }
        log.push(seen());
        log
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(Request::of("bob"));
        let log = context.run(body(context.scheduler(), other)).await;
        assert_eq!(
            log,
            ["detached", "ada", "detached", "bob", "detached", "ada"]
        );
    });
}

#[test]
fn a_block_checked_as_a_whole_is_as_sound_as_a_fn() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let work = context_block!(Request, async move {
            let request = context!();
            thread::scope(|scope| {
                let other = scope.spawn(|| {
                    let line = line!() + 1;
                    (caught(|| request.increment()), line)
                });
                other.join().unwrap()
            })
        });
        let (panic, line) = context.run(work).await;
        assert_at_the_caller(&panic, line, NOT_IN_IT);
    });
}
