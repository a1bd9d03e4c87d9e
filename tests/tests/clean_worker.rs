//! However work ends, its thread is clean after: the next plain task on it sees no context, and the
//! next request only its own.

use std::{
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    thread,
};

use request_context::{
    RequestContext, context, context_async, detached, scheduler, spawn_detached,
};
use request_context_tests::{
    OnDrop, Request, caught, message, on_one_thread, one_thread, poll_once, seen, watchdog,
};
use tokio::task::yield_now;

#[context_async(Request)]
async fn visits() -> u32 {
    assert_eq!(seen(), context!().user);
    context!().increment();
    context!().count.get()
}

/// The next plain task, and the next request, on this very thread; and `context` is as good as new.
async fn assert_clean(context: &RequestContext<Request>) {
    let here = thread::current().id();
    assert_eq!(seen(), "never");
    let plain = tokio::spawn(async move {
        assert_eq!(thread::current().id(), here);
        let before = seen();
        yield_now().await;
        [before, seen()]
    });
    assert_eq!(plain.await.unwrap(), ["never", "never"]);

    let next = RequestContext::new(Request::of("next"));
    assert_eq!(next.run(async { seen() }).await, "next");
    assert_eq!(
        next.scheduler().spawn(async { seen() }).await.unwrap(),
        "next"
    );
    assert_eq!(
        next.scheduler()
            .post(|request| request.user.clone())
            .await
            .unwrap(),
        "next"
    );

    assert_eq!(context.run(visits()).await, 1);
    assert_eq!(context.scheduler().spawn(visits()).await.unwrap(), 2);
    assert_eq!(seen(), "never");
}

/// Runs `test` on a context of a dead request, and looks after it.
macro_rules! leaves_a_clean_worker {
    ($($name:ident: $test:expr;)*) => {$(
        #[test]
        fn $name() {
            on_one_thread!(async {
                let context = RequestContext::new(Request::of("dead"));
                let test = $test;
                test(context.clone()).await;
                assert_clean(&context).await;
            });
        }
    )*};
}

#[context_async(Request)]
async fn panics(suspensions: usize) {
    for _ in 0..suspensions {
        yield_now().await;
    }
    assert_eq!(seen(), "dead");
    panic!("in {}", context!().user);
}

#[context_async(Request)]
async fn suspends_for_ever() {
    assert_eq!(seen(), "dead");
    pending().await
}

#[context_async(Request)]
async fn drops_a_panic() {
    let _local = OnDrop::new(|| panic!("in a destructor"));
    yield_now().await;
}

#[context_async(Request)]
async fn suspends_over_a_panic() {
    let _local = OnDrop::new(|| panic!("in a destructor"));
    pending().await
}

#[detached]
async fn detached_panics() {
    yield_now().await;
    assert_eq!(seen(), "detached");
    panic!("in a detached fn");
}

#[context_async(Request)]
async fn calls_detached_panics() {
    detached_panics().await;
}

#[context_async(Request)]
async fn panics_in_a_detached_part(suspend: bool) {
    #[detached]
    {
        if suspend {
            yield_now().await;
        }
        assert_eq!(seen(), "detached");
        panic!("in a detached part");
    }
}

#[context_async(Request)]
async fn suspends_in_a_detached_part() {
    #[detached]
    pending::<()>().await;
}

async fn assert_panics(task: tokio::task::JoinHandle<()>, text: &str) {
    let payload = task.await.unwrap_err().into_panic();
    assert_eq!(message(&*payload), text);
}

type Dead = RequestContext<Request>;

leaves_a_clean_worker! {
    life_12_after_a_panic_in_run: |dead: Dead| async move {
        assert_panics(tokio::spawn(dead.run(panics(0))), "in dead").await;
    };
    after_a_panic_in_run_that_had_suspended: |dead: Dead| async move {
        assert_panics(tokio::spawn(dead.run(panics(3))), "in dead").await;
    };
    after_a_panic_in_a_run_inside_run: |dead: Dead| async move {
        let inner = dead.run(panics(1));
        assert_panics(tokio::spawn(dead.run(inner)), "in dead").await;
    };
    after_a_panic_in_the_turn_of_another_context: |dead: Dead| async move {
        let other = RequestContext::new(7);
        let inner = dead.run(panics(1));
        assert_panics(tokio::spawn(other.run(inner)), "in dead").await;
    };
    life_12_after_a_panic_in_spawned_work: |dead: Dead| async move {
        let error = dead.scheduler().spawn(panics(0)).await.unwrap_err();
        assert!(error.is_panic());
        assert!(dead.scheduler().spawn(panics(3)).await.unwrap_err().is_panic());
    };
    after_a_panic_in_spawned_work_that_nobody_joins: |dead: Dead| async move {
        drop(dead.scheduler().spawn(panics(1)));
        let panicked = dead.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["in dead"]);
    };
    life_12_after_a_panic_in_a_posted_closure: |dead: Dead| async move {
        let posted = dead.scheduler().post(|request| -> () { panic!("in {}", request.user) });
        assert_eq!(message(&*posted.await.unwrap_err().into_panic()), "in dead");
    };
    after_a_panic_in_a_destructor_at_the_end_of_run: |dead: Dead| async move {
        assert_panics(tokio::spawn(dead.run(drops_a_panic())), "in a destructor").await;
    };
    after_a_panic_in_a_destructor_at_the_end_of_spawned_work: |dead: Dead| async move {
        let payload = dead.scheduler().spawn(drops_a_panic()).await.unwrap_err().into_panic();
        assert_eq!(message(&*payload), "in a destructor");
    };
    after_a_panic_in_a_destructor_of_aborted_work: |dead: Dead| async move {
        let work = dead.scheduler().spawn(suspends_over_a_panic());
        yield_now().await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        let panicked = dead.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["in a destructor"]);
    };
    after_a_panic_in_a_destructor_of_a_dropped_run: |dead: Dead| async move {
        let mut run = Box::pin(dead.run(suspends_over_a_panic()));
        assert!(poll_once(run.as_mut()).is_pending());
        assert_eq!(caught(|| drop(run)).message, "in a destructor");
    };
    after_a_panic_in_a_detached_fn: |dead: Dead| async move {
        assert_panics(tokio::spawn(dead.run(calls_detached_panics())), "in a detached fn").await;
        assert!(dead.scheduler().spawn(detached_panics()).await.unwrap_err().is_panic());
    };
    after_a_panic_in_a_detached_part: |dead: Dead| async move {
        for suspend in [false, true] {
            let run = dead.run(panics_in_a_detached_part(suspend));
            assert_panics(tokio::spawn(run), "in a detached part").await;
            let spawned = dead.scheduler().spawn(panics_in_a_detached_part(suspend));
            assert!(spawned.await.unwrap_err().is_panic());
        }
    };
    after_a_panic_in_detached_work: |dead: Dead| async move {
        let starts = request_context::context_block!(Request, async {
            spawn_detached(detached_panics()).await.unwrap_err().is_panic()
        });
        assert!(dead.run(starts).await);
    };
    after_an_abort: |dead: Dead| async move {
        let spawned = dead.scheduler().spawn(suspends_for_ever());
        let detached = dead.scheduler().spawn(suspends_in_a_detached_part());
        yield_now().await;
        spawned.abort();
        detached.abort();
        assert!(spawned.await.unwrap_err().is_cancelled());
        assert!(detached.await.unwrap_err().is_cancelled());
    };
    after_an_abort_of_the_task_that_runs_it: |dead: Dead| async move {
        let task = tokio::spawn(dead.run(suspends_for_ever()));
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    };
    after_a_dropped_run: |dead: Dead| async move {
        for _ in 0..3 {
            let mut run = Box::pin(dead.run(suspends_for_ever()));
            assert!(poll_once(run.as_mut()).is_pending());
        }
    };
    after_a_run_dropped_in_a_detached_part: |dead: Dead| async move {
        let mut run = Box::pin(dead.run(suspends_in_a_detached_part()));
        assert!(poll_once(run.as_mut()).is_pending());
        drop(run);
    };
    after_a_run_that_was_never_polled: |dead: Dead| async move {
        drop(dead.run(suspends_for_ever()));
    };
    after_a_panic_in_the_look_up: |dead: Dead| async move {
        let looks = async {
            let look = || request_context::try_with(|_: &Request| panic!("in a look-up"));
            let _: Result<(), _> = look();
        };
        assert_panics(tokio::spawn(dead.run(looks)), "in a look-up").await;
    };
    after_a_panic_in_work_that_its_own_body_catches: |dead: Dead| async move {
        let body = request_context::context_block!(Request, async move {
            let mut inner = pin!(request_context::attach!(panics(0)));
            let poll = poll_fn(|cx| {
                let poll = catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx)));
                std::task::Poll::Ready(poll.is_err())
            });
            assert!(poll.await);
            assert_eq!(seen(), "dead");
            scheduler!().id()
        });
        assert_eq!(dead.run(body).await, dead.id());
    };
}

#[test]
fn a_panic_off_a_runtime_leaves_its_thread_clean() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = request_context_tests::context_on(runtime.enter(), Request::of("dead"));
        let panic = caught(|| poll_once(pin!(context.run(panics(0)))));
        assert_eq!(panic.message, "in dead");
        assert_eq!(seen(), "never");
        assert!(poll_once(pin!(context.run(visits()))).is_ready());
    });
}
