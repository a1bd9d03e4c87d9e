//! Detached statements, fns and work: what they see, and what their caller sees after.

use std::{future::ready, pin::pin, task::Poll};

use request_context::{
    CurrentContext, NoContext, RequestContext, Scheduler, attach, context, context_async, detached,
    spawn_blocking_detached, spawn_detached,
};
use request_context_tests::{
    Log, Request, ambient, block_on, context_on, on_pool, one_thread, poll_once, seen, watchdog,
};
use tokio::task::yield_now;

#[detached]
async fn looks_around() -> [String; 2] {
    let before = seen();
    yield_now().await;
    [before, seen()]
}

#[test]
fn sd_08_detached_work_sees_no_context_and_the_caller_sees_its_own_after() {
    #[context_async(Request)]
    async fn index() {
        let in_task = spawn_detached(async {
            let before = seen();
            yield_now().await;
            [before, seen()]
        });
        assert_eq!(in_task.await.unwrap(), ["detached", "detached"]);
        assert_eq!(seen(), "ada");
        let in_closure = spawn_blocking_detached(seen);
        assert_eq!(in_closure.await.unwrap(), "detached");
        assert_eq!(seen(), "ada");
        assert_eq!(looks_around().await, ["detached", "detached"]);
        assert_eq!(seen(), "ada");
        assert_eq!(context!().user, "ada");
    }

    on_pool!(2, async {
        RequestContext::new(Request::of("ada")).run(index()).await;
    });
}

#[test]
fn sd_10_a_helper_that_awaits_detached_work_sees_its_callers_context_after() {
    /// Written without any thought of a context.
    async fn helper(log: Log) {
        let rows = spawn_blocking_detached(|| 3).await.unwrap();
        log.push(format!("{rows} rows for {}", ambient().unwrap()));
    }

    #[context_async(Request)]
    async fn checked_helper(log: Log) {
        let rows = spawn_blocking_detached(|| 4).await.unwrap();
        log.push(format!("{rows} rows for {}", context!().user));
    }

    #[context_async(Request)]
    async fn index(log: Log) {
        helper(log.clone()).await;
        checked_helper(log).await;
    }

    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(index(log.clone())).await;
        assert_eq!(log.take(), ["3 rows for ada", "4 rows for ada"]);
    });
}

#[test]
fn sd_11_a_detached_await_of_a_ready_future_neither_suspends_nor_leaves() {
    #[context_async(Request)]
    async fn index() -> u32 {
        #[detached]
        let ready = ready(3).await;
        assert_eq!(seen(), "ada");
        context!().increment();
        ready + context!().count.get()
    }

    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        assert_eq!(poll_once(pin!(context.run(index()))), Poll::Ready(4));
    });
}

#[test]
fn sd_12_a_detached_part_of_a_callee_ends_with_it_and_its_caller_sees_the_context() {
    #[context_async(Request)]
    async fn a(log: Log) {
        #[detached]
        {
            yield_now().await;
            log.push(format!("a: {}", seen()));
        }
    }

    #[detached]
    async fn detached_a(log: Log) {
        yield_now().await;
        log.push(format!("detached a: {}", seen()));
    }

    #[context_async(Request)]
    async fn b(log: Log) {
        a(log.clone()).await;
        log.push(format!("b: {}", seen()));
        detached_a(log.clone()).await;
        log.push(format!("b: {}", seen()));
        yield_now().await;
        log.push(format!("b: {}", context!().user));
    }

    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(b(log.clone())).await;
        assert_eq!(
            log.take(),
            [
                "a: detached",
                "b: ada",
                "detached a: detached",
                "b: ada",
                "b: ada"
            ]
        );
    });
}

#[test]
fn sd_19_a_handler_that_goes_on_detached_reads_no_user() {
    #[context_async(Request)]
    async fn handler() -> (String, NoContext, u32) {
        let first = context!().user.clone();
        let before = line!();
        #[detached]
        let second = {
            yield_now().await;
            ambient().unwrap_err()
        };
        (first, second, before + 1)
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let (first, second, line) = context.run(handler()).await;
        assert_eq!(first, "ada");
        let at = second.detached_at().unwrap();
        assert_eq!((at.file(), at.line()), (file!(), line));
    });
}

#[test]
fn sd_20_a_handler_that_awaits_plainly_reads_the_same_user_twice() {
    #[context_async(Request)]
    async fn handler() {
        let (id, first) = (CurrentContext::id(&context!()), context!().user.clone());
        yield_now().await;
        assert_eq!(ambient().unwrap(), first);
        assert_eq!(context!().user, first);
        assert_eq!(CurrentContext::id(&context!()), id);
        assert_eq!(Scheduler::<Request>::from_current().unwrap().id(), id);
        // Keeping it in so many words is the same.
        attach!(yield_now()).await;
        assert_eq!(ambient().unwrap(), first);
        assert_eq!(CurrentContext::id(&context!()), id);
    }

    on_pool!(2, async {
        RequestContext::new(Request::of("ada")).run(handler()).await;
    });
}

#[test]
fn detached_work_names_the_file_and_line_that_started_it() {
    #[context_async(Request)]
    async fn index() {
        let line = line!() + 1;
        let in_task = spawn_detached(async { ambient() }).await.unwrap();
        let at = in_task.unwrap_err().detached_at().unwrap();
        assert_eq!((at.file(), at.line()), (file!(), line));

        let line = line!() + 1;
        let in_closure = spawn_blocking_detached(ambient).await.unwrap();
        let error = in_closure.unwrap_err();
        let at = error.detached_at().unwrap();
        assert_eq!((at.file(), at.line()), (file!(), line));
        let place = format!("{}:{line}", file!());
        assert!(error.to_string().contains(&place), "{error}");
    }

    on_pool!(1, async {
        RequestContext::new(Request::of("ada")).run(index()).await;
    });
}

#[test]
fn a_detached_fn_is_named_by_the_file_and_line_of_its_name() {
    const LINE: u32 = line!() + 2;
    #[detached]
    async fn looks() -> NoContext {
        ambient().unwrap_err()
    }

    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let error = context.run(looks()).await;
        let at = error.detached_at().unwrap();
        assert_eq!((at.file(), at.line()), (file!(), LINE));
    });
}

#[test]
fn detached_work_started_on_a_context_off_a_runtime_uses_the_contexts_runtime() {
    #[context_async(Request)]
    async fn index() -> String {
        spawn_detached(async { std::thread::current().name().unwrap().to_owned() })
            .await
            .unwrap()
    }

    watchdog(|| {
        let runtime = request_context_tests::pool!(1);
        let context = context_on(runtime.enter(), Request::of("ada"));
        assert_eq!(block_on(context.run(index())), "pool");
    });
}

#[test]
fn detached_work_started_off_any_runtime_panics_at_the_caller() {
    let task = request_context_tests::caught(|| spawn_detached(async {}));
    assert_eq!((task.file.as_str(), task.line), (file!(), line!() - 1));
    const LINE: u32 = line!() + 1;
    let closure = request_context_tests::caught(|| spawn_blocking_detached(|| ()));
    assert_eq!((closure.file.as_str(), closure.line), (file!(), LINE));
    assert!(
        closure.message.contains("off a tokio runtime"),
        "{}",
        closure.message
    );
}

#[test]
fn detached_work_is_not_waited_for_by_idle() {
    #[context_async(Request)]
    async fn index() -> [request_context::JoinHandle<()>; 1] {
        [spawn_detached(std::future::pending())]
    }

    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let [work] = context.run(index()).await;
        assert_eq!(work.context_id(), None);
        context.idle().await.unwrap();
        assert!(!work.is_finished());
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
    });
}
