//! What keeps a context and its state alive, and what does not.

use std::{
    collections::HashSet,
    future::{pending, poll_fn},
    hash::{BuildHasher, RandomState},
    pin::pin,
    sync::{Arc, Mutex, Weak},
    task::{Poll, Waker},
};

use request_context::{
    JoinHandle, RequestContext, Scheduler, context, context_async, scheduler, spawn_detached,
};
use request_context_tests::{Gate, Log, on_one_thread, on_pool, one_thread, poll_once};
use tokio::{runtime::Handle, task::yield_now};

struct Held {
    _alive: Arc<()>,
}

/// A context, and whether its state lives.
fn watched() -> (RequestContext<Held>, Weak<()>) {
    let alive = Arc::new(());
    let weak = Arc::downgrade(&alive);
    (RequestContext::new(Held { _alive: alive }), weak)
}

/// Lets a driver end, which holds its context until then.
async fn settle() {
    for _ in 0..5 {
        yield_now().await;
    }
}

#[test]
fn the_state_is_dropped_with_the_last_owner() {
    on_one_thread!(async {
        let (context, alive) = watched();
        let (clone, scheduler) = (context.clone(), context.scheduler());
        drop(context);
        assert_eq!(alive.strong_count(), 1);
        drop(clone);
        assert_eq!(alive.strong_count(), 1);
        drop(scheduler.clone().into_any());
        drop(scheduler);
        assert_eq!(alive.strong_count(), 0);
    });
}

#[test]
fn handles_do_not_keep_the_state_alive() {
    on_one_thread!(async {
        let (context, alive) = watched();
        let finished = context.scheduler().spawn(async { 42 });
        let panicked: JoinHandle<()> = context.scheduler().post(|_| panic!("unread"));
        let aborted = context.scheduler().spawn(pending::<()>());
        aborted.abort();
        settle().await;
        drop(context);
        assert_eq!(alive.strong_count(), 0);
        assert_eq!(finished.await.unwrap(), 42);
        assert!(panicked.await.unwrap_err().is_panic());
        assert!(aborted.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_panic_that_outlives_its_context_unread_is_dropped_quietly() {
    on_one_thread!(async {
        let (context, alive) = watched();
        let panicked: JoinHandle<()> = context.scheduler().post(|_| panic!("unread"));
        settle().await;
        drop(context);
        assert_eq!(alive.strong_count(), 0);
        drop(panicked);
    });
}

#[test]
fn live_work_keeps_its_context_alive() {
    #[context_async(Held)]
    async fn waits(gate: Gate) {
        gate.opened().await;
        let _state: &Held = &context!();
    }

    on_one_thread!(async {
        let (context, alive) = watched();
        let gate = Gate::new();
        let work = context.scheduler().spawn(waits(gate.clone()));
        drop(context);
        settle().await;
        assert_eq!(alive.strong_count(), 1);
        gate.open();
        work.await.unwrap();
        settle().await;
        assert_eq!(alive.strong_count(), 0);
    });
}

#[test]
fn the_runtime_keeps_nothing_of_a_context_that_is_gone() {
    on_one_thread!(async {
        let alive_tasks = || Handle::current().metrics().num_alive_tasks();
        let before = alive_tasks();
        let (context, alive) = watched();
        context.scheduler().spawn(yield_now()).await.unwrap();
        context.scheduler().post(|_| ()).await.unwrap();
        settle().await;
        drop(context);
        assert_eq!(alive.strong_count(), 0);
        settle().await;
        assert_eq!(alive_tasks(), before);
    });
}

#[test]
fn a_suspended_run_keeps_its_context_alive_until_it_is_dropped() {
    on_one_thread!(async {
        let (context, alive) = watched();
        let mut run = Box::pin(context.run(pending::<()>()));
        assert!(poll_once(run.as_mut()).is_pending());
        drop(context);
        assert_eq!(alive.strong_count(), 1);
        drop(run);
        assert_eq!(alive.strong_count(), 0);
    });
}

#[test]
fn a_finished_run_keeps_no_work_alive() {
    on_one_thread!(async {
        let (context, _) = watched();
        let captured = Arc::new(());
        let weak = Arc::downgrade(&captured);
        let mut run = pin!(context.run(async move { drop(captured) }));
        assert!(poll_once(run.as_mut()).is_ready());
        assert_eq!(weak.strong_count(), 0);
    });
}

#[test]
fn wakers_kept_after_completion_do_not_keep_the_state_alive_and_wake_nothing() {
    type Kept = Arc<Mutex<Vec<Waker>>>;

    #[context_async(Held)]
    async fn leaves_its_waker(kept: Kept, log: Log) {
        let mut polls = 0;
        poll_fn(|cx| {
            log.push("polled");
            kept.lock().unwrap().push(cx.waker().clone());
            polls += 1;
            if polls < 2 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    on_one_thread!(async {
        let (kept, log) = (Kept::default(), Log::new());
        let (context, alive) = watched();
        let spawned = context
            .scheduler()
            .spawn(leaves_its_waker(kept.clone(), log.clone()));
        spawned.await.unwrap();
        context
            .run(leaves_its_waker(kept.clone(), log.clone()))
            .await;
        settle().await;
        drop(context);
        assert_eq!(alive.strong_count(), 0);
        assert_eq!(log.take().len(), 4);
        for waker in kept.lock().unwrap().drain(..) {
            waker.wake_by_ref();
            waker.wake();
        }
        settle().await;
        assert!(log.is_empty());
    });
}

#[test]
fn a_waker_kept_by_aborted_work_does_not_keep_the_state_alive() {
    on_one_thread!(async {
        let (context, alive) = watched();
        let gate = Gate::new();
        let work = context.scheduler().spawn(gate.opened());
        settle().await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        settle().await;
        drop(context);
        assert_eq!(alive.strong_count(), 0);
        gate.open();
    });
}

#[test]
fn detached_work_does_not_keep_the_state_alive() {
    #[context_async(Held)]
    async fn starts(gate: Gate, done: Gate) {
        drop(spawn_detached(async move {
            gate.opened().await;
            done.open();
        }));
    }

    on_one_thread!(async {
        let (context, alive) = watched();
        let (gate, done) = (Gate::new(), Gate::new());
        context.run(starts(gate.clone(), done.clone())).await;
        drop(context);
        assert_eq!(alive.strong_count(), 0);
        gate.open();
        done.opened().await;
    });
}

#[test]
fn rust_07_the_last_owner_may_be_dropped_by_work_of_the_context_itself() {
    #[context_async(Held)]
    async fn drops(owner: RequestContext<Held>, alive: Weak<()>) {
        drop(owner);
        assert_eq!(alive.strong_count(), 1);
        yield_now().await;
        assert_eq!(scheduler!(), Scheduler::<Held>::from_current().unwrap());
        assert_eq!(alive.strong_count(), 1);
    }

    on_one_thread!(async {
        let (context, alive) = watched();
        let run = context.run(drops(context.clone(), alive.clone()));
        drop(context);
        run.await;
        settle().await;
        assert_eq!(alive.strong_count(), 0);
        let (context, alive) = watched();
        let work = context
            .scheduler()
            .spawn(drops(context.clone(), alive.clone()));
        drop(context);
        work.await.unwrap();
        settle().await;
        assert_eq!(alive.strong_count(), 0);
    });
}

/// A state that takes a turn of another context when it is dropped, by blocking.
struct SendsOnDrop(Scheduler<Log>);

impl Drop for SendsOnDrop {
    fn drop(&mut self) {
        self.0.blocking_send(|log| log.push("dropped")).unwrap();
    }
}

/// A context that nobody else owns, with work that is queued or suspended on it.
fn busy(other: &RequestContext<Log>) -> RequestContext<SendsOnDrop> {
    let context = RequestContext::new(SendsOnDrop(other.scheduler()));
    drop(context.scheduler().spawn(yield_now()));
    drop(context.scheduler().post(|_| ()));
    context
}

#[test]
fn rust_07_the_last_owner_may_be_dropped_in_a_blocking_section_of_a_worker() {
    on_pool!(2, async {
        let log = Log::new();
        let other = RequestContext::new(log.clone());
        let last = busy(&other);
        tokio::spawn(async { tokio::task::block_in_place(|| drop(last)) })
            .await
            .unwrap();
        // One by one: on a worker the state may not wait for a turn that is taken.
        while log.is_empty() {
            yield_now().await;
        }
        let last = busy(&other);
        tokio::task::spawn_blocking(|| drop(last)).await.unwrap();
        while log.len() < 2 {
            yield_now().await;
        }
    });
}

#[test]
fn rust_07_the_last_owner_may_be_dropped_in_a_turn_and_in_a_runtime_of_one_thread() {
    #[context_async(Log)]
    async fn drops(last: RequestContext<SendsOnDrop>) {
        // The state takes a turn of the context whose turn this is.
        drop(last);
    }

    on_one_thread!(async {
        let log = Log::new();
        let other = RequestContext::new(log.clone());
        let idle = RequestContext::new(SendsOnDrop(other.scheduler()));
        other.run(drops(idle)).await;
        assert_eq!(log.take(), ["dropped"]);
        other.run(drops(busy(&other))).await;
        drop(busy(&other));
        while log.len() < 2 {
            yield_now().await;
        }
        // Within the runtime of another.
        let last = busy(&other);
        tokio::task::spawn_blocking(move || one_thread!().block_on(async { drop(last) }))
            .await
            .unwrap();
        while log.len() < 3 {
            yield_now().await;
        }
    });
}

#[test]
fn post_19_handles_of_one_context_are_equal_and_hash_alike_and_others_are_not() {
    on_one_thread!(async {
        let context = RequestContext::new(());
        let clone = context.clone();
        let other = RequestContext::new(());
        let hasher = RandomState::new();
        assert_eq!(context, clone);
        assert_eq!(hasher.hash_one(&context), hasher.hash_one(&clone));
        assert_ne!(context, other);
        assert_eq!(context.scheduler(), clone.scheduler());
        assert_eq!(
            hasher.hash_one(context.scheduler()),
            hasher.hash_one(clone.scheduler())
        );
        assert_ne!(context.scheduler(), other.scheduler());
        let ids: HashSet<_> = [&context, &clone, &other].map(|c| c.id()).into();
        assert_eq!(ids.len(), 2);
    });
}
