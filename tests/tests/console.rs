//! A program without a request context: nothing is there, and nothing is changed.

use std::{
    pin::pin,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    thread,
};

use request_context::{
    RequestContext, Scheduler, attach, context_async, scheduler, spawn_blocking_detached,
    spawn_detached, try_with,
};
use request_context_tests::{Log, Request, on_one_thread, on_pool, poll_once, seen};
use tokio::task::{block_in_place, yield_now};

fn nothing_is_visible() {
    assert_eq!(seen(), "never");
    let error = try_with(|_: &Request| ()).unwrap_err();
    assert_eq!(Scheduler::<Request>::from_current().unwrap_err(), error);
    assert_eq!(error.detached_at(), None);
}

#[test]
fn sd_01_a_program_without_a_context_sees_none_anywhere() {
    nothing_is_visible();
    on_pool!(2, async {
        nothing_is_visible();
        yield_now().await;
        nothing_is_visible();
        tokio::spawn(async {
            nothing_is_visible();
            yield_now().await;
            nothing_is_visible();
        })
        .await
        .unwrap();
    });
}

#[test]
fn sd_09_looking_for_a_context_where_none_was_is_an_error_not_a_crash() {
    on_pool!(1, async {
        let from_task = tokio::spawn(async { try_with(|request: &Request| request.count.get()) });
        assert!(from_task.await.unwrap().is_err());
        let from_thread = thread::spawn(|| try_with(|request: &Request| request.count.get()));
        assert!(from_thread.join().unwrap().is_err());
    });
}

#[test]
fn sd_09_looking_for_the_context_in_detached_work_is_an_error_not_a_crash() {
    #[context_async(Request)]
    async fn detaches_work() {
        let look = || try_with(|request: &Request| request.count.get());
        let from_task = spawn_detached(async move { look() });
        assert!(from_task.await.unwrap().is_err());
        let from_closure = spawn_blocking_detached(look);
        assert!(from_closure.await.unwrap().is_err());
        assert!(look().is_ok());
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        context.run(detaches_work()).await;
    });
}

async fn execute(log: Log, operation: impl FnOnce()) -> thread::ThreadId {
    yield_now().await;
    // A worker that blocks otherwise keeps what is in its own queue from the others.
    block_in_place(operation);
    log.push("completed");
    thread::current().id()
}

#[test]
fn sd_02_without_a_context_blocking_operations_run_in_parallel() {
    on_pool!(4, async {
        let log = Log::new();
        // Only three at once get past it.
        let operation = Arc::new(Barrier::new(3));
        log.push("starting");
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let operation = operation.clone();
                tokio::spawn(execute(log.clone(), move || {
                    operation.wait();
                }))
            })
            .collect();
        let mut threads = Vec::new();
        for task in tasks {
            threads.push(task.await.unwrap());
        }
        log.push("finished");

        threads.sort_by_key(|id| format!("{id:?}"));
        threads.dedup();
        assert_eq!(threads.len(), 3);
        assert_eq!(
            log.take(),
            [
                "starting",
                "completed",
                "completed",
                "completed",
                "finished"
            ]
        );
    });
}

#[context_async(Request)]
async fn starts_with_a_yield(log: Log) {
    log.push("start");
    yield_now().await;
    log.push("rest");
}

#[context_async(Request)]
async fn logs(log: Log, what: &'static str) {
    log.push(what);
}

#[test]
fn sd_03_a_yield_returns_to_the_caller_before_the_rest_runs() {
    #[context_async(Request)]
    async fn caller(log: Log) {
        let mut callee = pin!(attach!(starts_with_a_yield(log.clone())));
        assert_eq!(poll_once(callee.as_mut()), Poll::Pending);
        log.push("caller");
        callee.await;
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(caller(log.clone())).await;
        assert_eq!(log.take(), ["start", "caller", "rest"]);
    });
}

#[test]
fn sd_03_the_rest_after_a_yield_is_behind_what_is_queued_already() {
    #[context_async(Request)]
    async fn caller(log: Log) {
        let first = scheduler!().spawn(starts_with_a_yield(log.clone()));
        let queued: Vec<_> = (0..100)
            .map(|_| scheduler!().spawn(logs(log.clone(), "queued")))
            .collect();
        first.await.unwrap();
        for queued in queued {
            queued.await.unwrap();
        }
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(caller(log.clone())).await;
        let log = log.take();
        assert_eq!(log.len(), 102);
        assert_eq!(log.first().unwrap(), "start");
        assert_eq!(log.last().unwrap(), "rest");
    });
}

#[test]
fn sd_03_off_a_context_too_the_rest_is_behind_what_is_queued_already() {
    on_one_thread!(async {
        let order = Arc::new(AtomicUsize::new(0));
        let first = tokio::spawn({
            let order = order.clone();
            async move {
                yield_now().await;
                order.fetch_add(1, Ordering::SeqCst)
            }
        });
        let queued = tokio::spawn({
            let order = order.clone();
            async move { order.fetch_add(1, Ordering::SeqCst) }
        });
        assert_eq!(queued.await.unwrap(), 0);
        assert_eq!(first.await.unwrap(), 1);
    });
}
