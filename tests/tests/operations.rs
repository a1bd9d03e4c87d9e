//! Outstanding work as ASP.NET counted its operations: what is counted, when it is over, and who is told.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

use request_context::{
    JoinHandle, RequestContext, context, context_async, scheduler, spawn_detached,
};
use request_context_tests::{
    CountingWaker, Gate, Log, OnDrop, Request, block_on, context_on, on_one_thread, on_pool,
    one_thread, outstanding, poll_once, seen, watchdog,
};
use tokio::task::yield_now;

#[context_async(Request)]
async fn operation(gate: Gate) {
    gate.opened().await;
    context!().increment();
}

#[context_async(Request)]
async fn failing_operation(gate: Gate, error: u32) {
    gate.opened().await;
    std::panic::panic_any(error);
}

/// An operation, and how to let it finish.
fn start(context: &RequestContext<Request>) -> (JoinHandle<()>, Gate) {
    let gate = Gate::new();
    (context.scheduler().spawn(operation(gate.clone())), gate)
}

/// Until whatever can go on has gone on.
async fn settle() {
    for _ in 0..5 {
        yield_now().await;
    }
}

#[test]
fn opc_01_the_count_of_operations_goes_up_at_each_start_and_down_at_each_end() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let mut counts = Vec::new();
        // The first pair ends in the reverse order, the second in the order of starting.
        for reverse in [true, false] {
            let mut operations = Vec::new();
            for _ in 0..2 {
                operations.push(start(&context));
                counts.push(outstanding(&context));
            }
            if reverse {
                operations.reverse();
            }
            for (handle, gate) in operations {
                gate.open();
                settle().await;
                assert!(handle.is_finished());
                counts.push(outstanding(&context));
            }
        }
        assert_eq!(counts, [1, 2, 1, 0, 1, 2, 1, 0]);
    });
}

#[test]
fn opc_03_calls_that_are_awaited_are_not_counted() {
    async fn plain(context: RequestContext<Request>) -> usize {
        yield_now().await;
        outstanding(&context)
    }

    #[context_async(Request)]
    async fn callee(context: RequestContext<Request>) -> usize {
        yield_now().await;
        outstanding(&context)
    }

    #[context_async(Request)]
    async fn index(context: RequestContext<Request>) -> [usize; 3] {
        [
            outstanding(&context),
            plain(context.clone()).await,
            callee(context.clone()).await,
        ]
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(context.run(index(context.clone())).await, [0, 0, 0]);
    });
}

#[test]
fn opc_04_failures_of_forgotten_operations_come_in_the_order_of_failing_with_their_types() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gates = [Gate::new(), Gate::new()];
        for (gate, error) in gates.iter().zip([1, 2]) {
            let operation = failing_operation(gate.clone(), error);
            drop(context.scheduler().spawn(operation));
        }
        assert_eq!(outstanding(&context), 2);
        gates[1].open();
        settle().await;
        assert_eq!(outstanding(&context), 1);
        gates[0].open();
        settle().await;
        assert_eq!(outstanding(&context), 0);
        let errors = context.idle().await.unwrap_err().into_payloads();
        let errors = errors.into_iter().map(|error| *error.downcast().unwrap());
        assert_eq!(errors.collect::<Vec<u32>>(), [2, 1]);
    });
}

/// Does something when it is woken.
struct OnWake<F>(F);

impl<F: Fn() + Send + Sync> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        self.0();
    }
}

#[test]
fn opc_05_who_is_told_of_the_end_finds_the_count_at_zero() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (_, gate) = start(&context);
        let counts = Arc::new(Mutex::new(Vec::new()));
        let waker = Waker::from(Arc::new(OnWake({
            let (context, counts) = (context.clone(), counts.clone());
            move || counts.lock().unwrap().push(outstanding(&context))
        })));
        let mut idle = pin!(context.idle());
        let mut cx = Context::from_waker(&waker);
        assert!(idle.as_mut().poll(&mut cx).is_pending());
        gate.open();
        settle().await;
        assert_eq!(*counts.lock().unwrap(), [0]);
        assert!(idle.poll(&mut cx).is_ready());
    });
}

#[test]
fn opc_06_who_waits_for_nothing_goes_on_at_once_and_is_not_told_again() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let waker = CountingWaker::new();
        let task = Waker::from(waker.clone());
        let poll = pin!(context.idle()).poll(&mut Context::from_waker(&task));
        assert!(matches!(poll, Poll::Ready(Ok(()))));
        let (handle, gate) = start(&context);
        gate.open();
        handle.await.unwrap();
        context.idle().await.unwrap();
        assert_eq!(waker.count(), 0);
    });
}

#[test]
fn opc_07_who_waits_is_told_once_after_the_last_operation_and_not_on_its_stack() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let operations = [start(&context), start(&context)];
        let waiting = tokio::spawn({
            let (log, context) = (log.clone(), context.clone());
            async move {
                context.idle().await.unwrap();
                log.push(format!("complete, context: {}", seen()));
            }
        });
        settle().await;
        for (i, (_, gate)) in operations.iter().enumerate() {
            let (gate, log) = (gate.clone(), log.clone());
            // Each gate is opened within a turn; whatever that turn completes is behind its end.
            drop(tokio::spawn(context.run(async move {
                gate.open();
                log.push(format!("gate {i}"));
            })));
            settle().await;
        }
        waiting.await.unwrap();
        assert_eq!(log.take(), ["gate 0", "gate 1", "complete, context: never"]);
    });
}

#[test]
fn opc_14_a_request_is_complete_only_when_the_operation_it_fired_has_resumed_and_finished() {
    #[context_async(Request)]
    async fn fires(gate: Gate) -> u32 {
        drop(scheduler!().spawn(operation(gate)));
        13
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let gate = Gate::new();
        let request = {
            let (context, gate) = (context.clone(), gate.clone());
            tokio::spawn(async move {
                let response = context.run(fires(gate)).await;
                context.idle().await.unwrap();
                response
            })
        };
        settle().await;
        assert!(!request.is_finished());
        gate.open();
        assert_eq!(request.await.unwrap(), 13);
        let finished = context.scheduler().post(|request| request.count.get());
        assert_eq!(finished.await.unwrap(), 1);
    });
}

#[test]
fn opc_15_a_run_returns_its_result_after_it_has_resumed() {
    #[context_async(Request)]
    async fn resumes() -> u32 {
        yield_now().await;
        context!().increment();
        17
    }

    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        assert_eq!(runtime.block_on(context.run(resumes())), 17);
        assert_eq!(
            context
                .scheduler()
                .blocking_send(|request| request.count.get()),
            Ok(1)
        );
    });
}

#[test]
fn opc_16_a_post_is_counted_before_it_is_queued_and_its_failure_comes_out_of_the_wait() {
    watchdog(|| {
        // Nobody drives this runtime yet.
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        drop(context.scheduler().post(|_| panic!("lost")));
        assert_eq!(outstanding(&context), 1);
        let mut idle = pin!(context.idle());
        assert!(poll_once(idle.as_mut()).is_pending());
        let panicked = runtime.block_on(idle).unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["lost"]);
    });
}

#[test]
fn opc_17_a_request_waits_for_what_it_spawned_and_posted_and_not_for_detached_work() {
    #[context_async(Request)]
    async fn handler(gate: Gate, log: Log) -> JoinHandle<()> {
        let lingers = |log: &Log, name| {
            let log = log.clone();
            OnDrop::new(move || log.push(name))
        };
        let [spawned, posted] = ["spawned", "posted"].map(|name| lingers(&log, name));
        let detached = lingers(&log, "detached");
        drop(scheduler!().spawn(async move {
            gate.opened().await;
            drop(spawned);
        }));
        drop(scheduler!().post(move |_| drop(posted)));
        spawn_detached(async move {
            let _never_ends = detached;
            std::future::pending().await
        })
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let (gate, log) = (Gate::new(), Log::new());
        let detached = context.run(handler(gate.clone(), log.clone())).await;
        settle().await;
        assert!(poll_once(pin!(context.idle())).is_pending());
        gate.open();
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["posted", "spawned"]);
        assert!(!detached.is_finished());
        detached.abort();
    });
}

#[test]
fn opc_18_an_empty_context_is_idle_at_once_and_newcomers_are_waited_for_by_the_next_wait() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        assert!(poll_once(pin!(context.idle())).is_ready());
        for _ in 0..2 {
            let (handle, gate) = start(&context);
            let mut idle = pin!(context.idle());
            assert!(poll_once(idle.as_mut()).is_pending());
            gate.open();
            idle.await.unwrap();
            assert!(handle.is_finished());
            assert!(poll_once(pin!(context.idle())).is_ready());
        }
    });
}

#[context_async(Request)]
async fn leaves_a_child(log: Log, panics: bool) {
    drop(scheduler!().spawn(async move {
        yield_now().await;
        log.push("between");
        yield_now().await;
        assert!(!panics, "unobserved");
        log.push("after");
    }));
}

#[test]
fn opc_20_a_child_that_nobody_awaits_goes_on_after_its_run_has_returned() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        context.run(leaves_a_child(log.clone(), false)).await;
        while log.len() < 2 {
            yield_now().await;
        }
        assert_eq!(log.take(), ["between", "after"]);
    });
}

#[test]
fn opc_20_a_child_that_nobody_awaits_and_that_panics_ends_nothing_but_itself() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let log = Log::new();
        block_on(context.run(leaves_a_child(log.clone(), true)));
        runtime.block_on(settle());
        assert_eq!(log.take(), ["between"]);
        runtime.block_on(context.run(leaves_a_child(log.clone(), false)));
        let panicked = runtime.block_on(context.idle()).unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["unobserved"]);
        assert_eq!(log.take(), ["between", "after"]);
    });
}
