//! How work that fails is told of, and what runs before it: inline if it can, and else later.

use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    task::Poll,
    thread::{self, ThreadId},
};

use futures::FutureExt;
use request_context::{RequestContext, context, context_async};
use request_context_tests::{
    Gate, Log, Request, block_on, context_on, message, on_one_thread, on_pool, one_thread,
    poll_once, watchdog,
};
use tokio::task::yield_now;

#[context_async(Request)]
async fn fails(yields: bool) -> Result<(), String> {
    if yields {
        yield_now().await;
    }
    Err(format!("the error of {}", context!().user))
}

#[context_async(Request)]
async fn panics(yields: bool) {
    if yields {
        yield_now().await;
    }
    panic!("the panic of {}", context!().user);
}

#[test]
fn err_01_a_run_gives_the_original_error_before_and_after_a_yield() {
    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        for yields in [false, true] {
            let error = context.run(fails(yields)).await.unwrap_err();
            assert_eq!(error, "the error of ada");
            let run = AssertUnwindSafe(context.run(panics(yields)));
            let payload = run.catch_unwind().await.unwrap_err();
            assert_eq!(message(&*payload), "the panic of ada");
        }
        // Neither is an affair of those who wait for the rest.
        context.idle().await.unwrap();
    });
}

#[context_async(Request)]
async fn this_thread(log: Log) -> ThreadId {
    log.push(context!().user.clone());
    thread::current().id()
}

#[test]
fn err_04_a_run_completes_at_once_on_its_caller_when_idle_and_later_when_busy() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let log = Log::new();
        let idle = poll_once(pin!(context.run(this_thread(log.clone()))));
        assert_eq!(idle, Poll::Ready(thread::current().id()));
        assert_eq!(log.take(), ["ada"]);

        let (busy, release) = (Gate::new(), Gate::new());
        let turn = context.scheduler().post({
            let (busy, release, log) = (busy.clone(), release.clone(), log.clone());
            move |_| {
                busy.open();
                release.wait();
                log.push("the turn ends");
                thread::current().id()
            }
        });
        busy.opened().await;
        let mut run = pin!(context.run(this_thread(log.clone())));
        assert!(poll_once(run.as_mut()).is_pending());
        let posted = context.scheduler().spawn(this_thread(log.clone()));
        assert!(log.is_empty());
        release.open();
        let other = turn.await.unwrap();
        run.await;
        assert_ne!(thread::current().id(), other);
        // Queued work goes on on the pool, wherever this thread is.
        assert_ne!(posted.await.unwrap(), thread::current().id());
        assert_eq!(log.take(), ["the turn ends", "ada", "ada"]);
    });
}

#[context_async(Request)]
async fn second_and_fourth(log: Log, delay: Gate) {
    log.push("second");
    delay.opened().await;
    log.push("fourth");
}

#[test]
fn err_05_what_a_run_does_before_it_suspends_is_done_at_its_first_poll() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let (log, delay) = (Log::new(), Gate::new());
        log.push("first");
        let mut run = pin!(context.run(second_and_fourth(log.clone(), delay.clone())));
        assert!(poll_once(run.as_mut()).is_pending());
        log.push("third");
        delay.open();
        block_on(run);
        log.push("fifth");
        assert_eq!(log.take(), ["first", "second", "third", "fourth", "fifth"]);
    });
}

#[test]
fn err_05_what_spawned_work_does_is_never_done_on_the_spawners_stack() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        let (log, delay) = (Log::new(), Gate::new());
        log.push("first");
        let work = context
            .scheduler()
            .spawn(second_and_fourth(log.clone(), delay.clone()));
        log.push("third");
        delay.open();
        runtime.block_on(work).unwrap();
        log.push("fifth");
        assert_eq!(log.take(), ["first", "third", "second", "fourth", "fifth"]);
    });
}
