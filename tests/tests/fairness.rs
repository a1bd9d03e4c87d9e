//! A context that floods its own queue starves nobody: counted in steps of the flood, not in time.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use request_context::{RequestContext, Scheduler, context, context_async};
use request_context_tests::{Request, on_one_thread, on_pool, poll_once, seen, suspend};

#[derive(Clone, Default)]
struct Flood {
    steps: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Flood {
    /// Each item posts the next, and so the queue is never empty.
    fn start(scheduler: Scheduler<Request>) -> Self {
        let flood = Flood::default();
        for _ in 0..10 {
            flood.post(scheduler.clone());
        }
        flood
    }

    fn post(&self, scheduler: Scheduler<Request>) {
        let flood = self.clone();
        let next = scheduler.clone();
        drop(scheduler.post(move |_| {
            flood.steps.fetch_add(1, Ordering::Relaxed);
            if !flood.ended.load(Ordering::Relaxed) {
                flood.post(next);
            }
        }));
    }

    fn steps(&self) -> usize {
        self.steps.load(Ordering::Relaxed)
    }
}

/// A task like others: what `block_on` itself polls, tokio polls less often.
macro_rules! as_one_task_of_a_thread {
    ($test:block) => {
        on_one_thread!(async { tokio::spawn(async move $test).await.unwrap() })
    };
}

#[context_async(Request)]
async fn suspends_ten_times() -> String {
    for _ in 0..10 {
        suspend().await;
    }
    context!().user.clone()
}

/// More than a flood may do between two turns of others on the same thread.
const STRETCH: usize = 200;

#[test]
fn a_flooded_context_lets_other_tasks_of_its_runtime_run() {
    as_one_task_of_a_thread!({
        let context = RequestContext::new(Request::of("flooded"));
        let flood = Flood::start(context.scheduler());
        let before = flood.steps();
        for _ in 0..10 {
            tokio::spawn(suspend()).await.unwrap();
        }
        let taken = flood.steps() - before;
        flood.ended.store(true, Ordering::Relaxed);
        assert!(taken > 0, "there was a flood");
        assert!(taken < 30 * STRETCH, "{taken} steps of the flood");
    });
}

#[test]
fn a_flooded_context_lets_those_run_that_wait_for_the_runtime_to_have_done_other_work() {
    /// How many tasks tokio's current-thread runtime polls before it looks at those.
    const TICK: usize = 61;

    as_one_task_of_a_thread!({
        let context = RequestContext::new(Request::of("flooded"));
        let flood = Flood::start(context.scheduler());
        let before = flood.steps();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let taken = flood.steps() - before;
        flood.ended.store(true, Ordering::Relaxed);
        assert!(taken > 0, "there was a flood");
        assert!(taken < 12 * TICK * STRETCH, "{taken} steps of the flood");
    });
}

#[test]
fn a_flooded_context_lets_a_run_of_its_own_in() {
    as_one_task_of_a_thread!({
        let context = RequestContext::new(Request::of("flooded"));
        let flood = Flood::start(context.scheduler());
        while flood.steps() == 0 {
            suspend().await;
        }
        let before = flood.steps();
        assert_eq!(context.run(suspends_ten_times()).await, "flooded");
        let taken = flood.steps() - before;
        flood.ended.store(true, Ordering::Relaxed);
        assert!(taken > 0, "there was a flood");
        assert!(taken < 12 * STRETCH, "{taken} steps of the flood");
    });
}

#[test]
fn a_flooded_context_lets_other_work_of_its_own_queue_run() {
    as_one_task_of_a_thread!({
        let context = RequestContext::new(Request::of("flooded"));
        let flood = Flood::start(context.scheduler());
        while flood.steps() == 0 {
            suspend().await;
        }
        let before = flood.steps();
        let work = context.scheduler().spawn(suspends_ten_times());
        assert_eq!(work.await.unwrap(), "flooded");
        let taken = flood.steps() - before;
        flood.ended.store(true, Ordering::Relaxed);
        assert!(taken > 0, "there was a flood");
        assert!(taken < 12 * STRETCH, "{taken} steps of the flood");
    });
}

#[test]
fn ser_03_a_flooded_context_starves_no_other_context_of_the_same_thread() {
    as_one_task_of_a_thread!({
        let flooded = RequestContext::new(Request::of("flooded"));
        let other = RequestContext::new(Request::of("other"));
        let flood = Flood::start(flooded.scheduler());
        while flood.steps() == 0 {
            suspend().await;
        }
        let before = flood.steps();
        assert_eq!(other.run(suspends_ten_times()).await, "other");
        assert_eq!(
            other.scheduler().spawn(suspends_ten_times()).await.unwrap(),
            "other"
        );
        assert_eq!(other.scheduler().post(|_| seen()).await.unwrap(), "other");
        other.idle().await.unwrap();
        let taken = flood.steps() - before;
        flood.ended.store(true, Ordering::Relaxed);
        assert!(taken > 0, "there was a flood");
        assert!(taken < 40 * STRETCH, "{taken} steps of the flood");
    });
}

#[test]
fn ser_03_a_spinning_task_of_one_context_can_be_aborted_from_another() {
    #[context_async(Request)]
    async fn spins() {
        loop {
            context!().increment();
            suspend().await;
        }
    }

    as_one_task_of_a_thread!({
        let spinning = RequestContext::new(Request::of("spinning"));
        let other = RequestContext::new(Request::of("other"));
        let work = spinning.scheduler().spawn(spins());
        let abort = async move {
            suspend().await;
            work.abort();
            work.await.unwrap_err().is_cancelled()
        };
        assert!(other.scheduler().spawn(abort).await.unwrap());
        spinning.idle().await.unwrap();
    });
}

#[test]
fn a_run_that_waits_for_a_flooded_context_is_called_in_after_the_item_that_runs() {
    // Two threads: the flood's driver on the worker, the `run` here.
    on_pool!(1, async {
        let context = RequestContext::new(Request::of("flooded"));
        let flood = Flood::start(context.scheduler());
        while flood.steps() == 0 {
            suspend().await;
        }
        for _ in 0..20 {
            assert_eq!(context.run(suspends_ten_times()).await, "flooded");
        }
        flood.ended.store(true, Ordering::Relaxed);
        context.idle().await.unwrap();
    });
}

#[test]
fn a_run_that_is_polled_for_ever_without_getting_done_lets_the_queue_have_its_turns() {
    as_one_task_of_a_thread!({
        let context = RequestContext::new(Request::of("ada"));
        let mut run = pin!(context.run(std::future::pending::<()>()));
        let posted = context.scheduler().post(|_| seen());
        let mut polls = 0;
        while !posted.is_finished() {
            assert!(poll_once(run.as_mut()).is_pending());
            suspend().await;
            polls += 1;
            assert!(polls < STRETCH, "the queue starves");
        }
        assert_eq!(posted.await.unwrap(), "ada");
    });
}
