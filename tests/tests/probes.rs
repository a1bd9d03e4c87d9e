//! The action of the seed articles, with its probes and its two switches: whether its awaits keep the
//! context, and whether the work it starts goes to the context's scheduler.

use std::future::Future;

use request_context::{
    ContextId, CurrentContext, NoContext, RequestContext, Scheduler, context, context_async,
    detached, scheduler, spawn_detached,
};
use request_context_tests::{Log, Request, on_pool, seen};
use tokio::task::yield_now;

/// Writes down whose context is visible, and what kind of executor that is.
fn probe(log: &Log, name: &str) {
    let executor = match Scheduler::<Request>::from_current() {
        Ok(_) => "context",
        Err(_) => "pool",
    };
    log.push(format!("{name}: {} on {executor}", seen()));
}

/// Runs its first part when it is called, and the rest when it is awaited: as .NET's async methods do.
fn do_stuff(log: &Log, name: &str) -> impl Future<Output = ()> + Send + use<> {
    probe(log, name);
    async { yield_now().await }
}

#[context_async(Request)]
async fn do_checked_stuff(log: Log, name: &'static str) {
    probe(&log, name);
    yield_now().await;
}

#[test]
fn tt_01_plain_awaits_keep_the_context_and_work_on_the_pool_has_none() {
    #[context_async(Request)]
    async fn index(log: Log) {
        probe(&log, "p1");
        do_stuff(&log, "p2").await;
        probe(&log, "p3");
        let in_pool = log.clone();
        spawn_detached(async move { do_stuff(&in_pool, "p4").await })
            .await
            .unwrap();
        probe(&log, "p5");
    }

    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(index(log.clone())).await;
        assert_eq!(
            log.take(),
            [
                "p1: ada on context",
                "p2: ada on context",
                "p3: ada on context",
                "p4: detached on pool",
                "p5: ada on context",
            ]
        );
    });
}

#[test]
fn tt_02_detached_awaits_lose_the_context_after_the_synchronous_start() {
    #[context_async(Request)]
    async fn index(log: Log) {
        probe(&log, "p1");
        let stuff = do_stuff(&log, "p2");
        #[detached]
        {
            stuff.await;
            probe(&log, "p3");
            let in_pool = log.clone();
            spawn_detached(async move { do_stuff(&in_pool, "p4").await })
                .await
                .unwrap();
            probe(&log, "p5");
        }
    }

    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(index(log.clone())).await;
        assert_eq!(
            log.take(),
            [
                "p1: ada on context",
                "p2: ada on context",
                "p3: detached on pool",
                "p4: detached on pool",
                "p5: detached on pool",
            ]
        );
    });
}

#[test]
fn tt_03_work_given_to_the_contexts_scheduler_keeps_the_context() {
    #[context_async(Request)]
    async fn index(log: Log) {
        probe(&log, "p1");
        do_checked_stuff(log.clone(), "p2").await;
        probe(&log, "p3");
        let current = Scheduler::<Request>::from_current().unwrap();
        assert_eq!(current, scheduler!());
        let stuff = current.spawn(do_checked_stuff(log.clone(), "p4"));
        stuff.await.unwrap();
        probe(&log, "p5");
    }

    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(index(log.clone())).await;
        assert_eq!(
            log.take(),
            ["p1", "p2", "p3", "p4", "p5"].map(|p| format!("{p}: ada on context"))
        );
    });
}

struct Challenge {
    log: Log,
    error: NoContext,
    line: u32,
}

/// Both switches at once, which the articles ask about.
async fn challenge(context: &RequestContext<Request>) -> Challenge {
    #[context_async(Request)]
    async fn index(log: Log) -> Result<u32, (NoContext, u32)> {
        probe(&log, "p1");
        let stuff = do_stuff(&log, "p2");
        let line = line!() + 1;
        #[detached]
        {
            stuff.await;
            probe(&log, "p3");
            let scheduler = Scheduler::<Request>::from_current().map_err(|error| (error, line))?;
            let stuff = scheduler.spawn(do_checked_stuff(log.clone(), "p4"));
            stuff.await.unwrap();
            probe(&log, "p5");
        }
        Ok(context!().count.get())
    }

    let log = Log::new();
    let (error, line) = context.run(index(log.clone())).await.unwrap_err();
    Challenge { log, error, line }
}

#[test]
fn tt_04_building_the_scheduler_where_the_context_is_lost_fails_the_handler() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let Challenge { log, .. } = challenge(&context).await;
        context.idle().await.unwrap();
        assert_eq!(
            log.take(),
            [
                "p1: ada on context",
                "p2: ada on context",
                "p3: detached on pool"
            ]
        );
    });
}

#[test]
fn tt_05_the_error_says_where_the_context_was_left_and_what_to_do() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let Challenge { error, line, .. } = challenge(&context).await;
        let at = error.detached_at().unwrap();
        assert_eq!((at.file(), at.line()), (file!(), line));
        let text = error.to_string();
        assert!(text.contains(&format!("{}:{line}", file!())), "{text}");
        assert!(
            text.contains("`scheduler!()`") && text.contains("before that"),
            "{text}"
        );
    });
}

#[test]
fn tt_06_the_error_comes_from_building_the_scheduler_and_nothing_is_queued() {
    #[context_async(Request)]
    async fn index() -> NoContext {
        #[detached]
        let scheduler = Scheduler::<Request>::from_current();
        scheduler.unwrap_err()
    }

    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let mut run = std::pin::pin!(context.run(index()));
        // There is no await that it could come from.
        assert!(request_context_tests::poll_once(run.as_mut()).is_ready());
        let idle = std::pin::pin!(context.idle());
        assert!(request_context_tests::poll_once(idle).is_ready());
    });
}

/// The compile-time half, that the word itself is refused here, is a ui case.
#[test]
fn tt_07_the_scheduler_cannot_be_built_after_the_context_was_given_up_but_can_again_after() {
    #[context_async(Request)]
    async fn index() -> [bool; 3] {
        let before = Scheduler::<Request>::from_current().is_ok();
        #[detached]
        let within = {
            yield_now().await;
            Scheduler::<Request>::from_current().is_ok()
        };
        [before, within, Scheduler::<Request>::from_current().is_ok()]
    }

    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(context.run(index()).await, [true, false, true]);
    });
}

#[test]
fn tt_08_a_scheduler_built_before_the_context_is_lost_still_starts_work_on_it() {
    #[context_async(Request)]
    async fn index(log: Log) {
        let scheduler = scheduler!();
        probe(&log, "p1");
        let stuff = do_stuff(&log, "p2");
        #[detached]
        {
            stuff.await;
            probe(&log, "p3");
            let stuff = scheduler.spawn(do_checked_stuff(log.clone(), "p4"));
            stuff.await.unwrap();
            probe(&log, "p5");
        }
    }

    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        context.run(index(log.clone())).await;
        assert_eq!(
            log.take(),
            [
                "p1: ada on context",
                "p2: ada on context",
                "p3: detached on pool",
                "p4: ada on context",
                "p5: detached on pool",
            ]
        );
    });
}

fn observe(observed: &mut Vec<Option<ContextId>>) {
    let current = Scheduler::<Request>::from_current();
    observed.push(current.ok().map(|scheduler| scheduler.id()));
}

#[context_async(Request, boxed)]
async fn chain(depth: usize) -> Vec<Option<ContextId>> {
    let mut observed = Vec::new();
    observe(&mut observed);
    if depth > 0 {
        yield_now().await;
        observed.extend(chain(depth - 1).await);
        yield_now().await;
        observe(&mut observed);
    }
    assert_eq!(
        Some(CurrentContext::id(&context!())),
        observed.last().copied().flatten()
    );
    observed
}

#[test]
fn sd_38_a_chain_of_ten_calls_sees_one_context_at_every_point() {
    on_pool!(4, async {
        let context = RequestContext::new(Request::of("ada"));
        let observed = context.run(chain(10)).await;
        assert_eq!(observed, vec![Some(context.id()); 21]);
    });
}
