//! The scheduler of a context: what it runs inline, what it queues, and what is not its business.

use std::{
    pin::pin,
    sync::{
        Arc, Barrier, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use request_context::{
    NoContext, RequestContext, Scheduler, context, context_async, context_block, detached,
    run_on_context, scheduler, spawn_blocking_detached,
};
use request_context_tests::{
    Gate, Log, OnDrop, Overlap, Request, block_on, context_on, count_polls, on_one_thread, on_pool,
    one_thread, outstanding, poll_once, seen, watchdog,
};
use tokio::{sync::oneshot, task::yield_now};

/// Written without any thought of a context, and called on one.
fn current() -> Result<Scheduler<Request>, NoContext> {
    Scheduler::from_current()
}

#[test]
fn sch_01_one_task_takes_one_turn() {
    #[context_async(Request)]
    async fn index(polls: Arc<AtomicUsize>) -> String {
        let scheduler = current().unwrap();
        let task = scheduler.spawn(count_polls(async { seen() }, &polls));
        assert_eq!(polls.load(Ordering::SeqCst), 0);
        task.await.unwrap()
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        let polls = Arc::default();
        assert_eq!(context.run(index(Arc::clone(&polls))).await, "ada");
        assert_eq!(polls.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn sch_02_on_the_own_context_work_runs_inline_and_nothing_is_queued() {
    #[context_async(Request)]
    async fn task() -> u32 {
        context!().increment();
        context!().count.get()
    }

    #[context_async(Request)]
    async fn index(context: RequestContext<Request>) {
        let scheduler = scheduler!();
        let send = || scheduler.blocking_send(|request| request.increment());
        send().unwrap();
        assert_eq!(outstanding(&context), 0);
        let polled = poll_once(pin!(scheduler.run(task())));
        assert_eq!(polled, std::task::Poll::Ready(2));
        assert_eq!(outstanding(&context), 0);
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        context.run(index(context.clone())).await;
    });
}

#[test]
fn sch_03_off_the_context_nothing_runs_inline_while_another_has_the_turn() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let (held, release) = (Gate::new(), Gate::new());
        let holder = scheduler.post({
            let (held, release) = (held.clone(), release.clone());
            move |_| {
                held.open();
                release.wait();
            }
        });
        held.opened().await;
        let log = Log::new();
        let task = || {
            let log = log.clone();
            async move { log.push(seen()) }
        };
        let mut run = pin!(scheduler.run(task()));
        assert!(poll_once(run.as_mut()).is_pending());
        let spawned = scheduler.spawn(task());
        let posted = scheduler.post({
            let log = log.clone();
            move |request| log.push(request.user.clone())
        });
        assert!(log.is_empty());
        release.open();
        run.await;
        spawned.await.unwrap();
        posted.await.unwrap();
        holder.await.unwrap();
        assert_eq!(log.take(), ["ada"; 3]);
    });
}

#[test]
fn sch_04_a_context_runs_one_at_a_time_and_a_concurrent_one_several() {
    on_pool!(2, async {
        let serial = RequestContext::new(()).scheduler();
        let overlap = Arc::new(Overlap::default());
        let tasks = [(); 4].map(|()| {
            let overlap = overlap.clone();
            serial.spawn(async move { overlap.linger() })
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(overlap.most(), 1);

        let concurrent = RequestContext::concurrent(()).scheduler();
        // Only both at once get past it.
        let both = Arc::new(Barrier::new(2));
        let tasks = [(); 2].map(|()| {
            let both = both.clone();
            concurrent.spawn(async move { both.wait() })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn sch_05_without_a_context_there_is_no_scheduler_and_where_it_is_checked_there_always_is() {
    #[context_async(Request)]
    async fn checked() -> Scheduler<Request> {
        scheduler!()
    }

    on_one_thread!(async {
        assert!(current().is_err());
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(context.run(checked()).await, context.scheduler());
        let unchecked = context.run(async { current() }).await;
        assert_eq!(unchecked.unwrap(), context.scheduler());
    });
}

#[test]
fn ct_30_a_scheduler_is_made_of_a_context_or_of_the_current_one_and_never_of_perhaps_one() {
    let _of_a_context: fn(&RequestContext<Request>) -> Scheduler<Request> =
        RequestContext::scheduler;
    let _of_the_current_one: fn() -> Result<Scheduler<Request>, NoContext> =
        Scheduler::from_current;
}

#[test]
fn sch_06_work_for_a_runtime_that_is_gone_fails_and_who_waits_for_it_does_not_hang() {
    watchdog(|| {
        let runtime = one_thread!();
        let context = context_on(runtime.enter(), Request::of("ada"));
        drop(runtime);
        let scheduler = context.scheduler();
        let (log, on_drop) = (Log::new(), Log::new());
        let dropped = || {
            let log = on_drop.clone();
            OnDrop::new(move || log.push(seen()))
        };
        let task = scheduler.spawn({
            let dropped = dropped();
            async move { drop(dropped) }
        });
        let posted = scheduler.post({
            let dropped = dropped();
            move |_| drop(dropped)
        });
        let continuation = async {
            let faulted = [task.await, posted.await].map(|result| result.unwrap_err());
            for error in faulted {
                log.push(error.to_string());
            }
        };
        block_on(continuation);
        let message = format!("work of {} was cancelled", context.id());
        assert_eq!(log.take(), [message.clone(), message]);
        assert_eq!(on_drop.take(), ["ada", "ada"]);
        block_on(context.idle()).unwrap();
    });
}

#[test]
fn sch_08_and_ct_27_a_task_of_the_context_spawns_plain_tasks_that_are_not_on_it() {
    #[context_async(Request)]
    async fn task() -> tokio::task::JoinHandle<String> {
        let done = Gate::new();
        let child = tokio::spawn({
            let done = done.clone();
            async move {
                done.open();
                seen()
            }
        });
        // This turn ends after the child, which would wait for it, were it on the context.
        let wait = || done.wait();
        wait();
        assert_eq!(context!().user, "ada");
        child
    }

    on_pool!(1, async {
        let context = RequestContext::new(Request::of("ada"));
        let child = context.run(task()).await;
        assert_eq!(child.await.unwrap(), "never");
    });
}

/// A context whose state's end can be seen, with three posts queued on it.
fn orphaned(enter: tokio::runtime::EnterGuard<'_>, log: &Log, overlap: &Arc<Overlap>) -> Weak<Log> {
    let state = Arc::new(log.clone());
    let weak = Arc::downgrade(&state);
    let context = RequestContext::new(state);
    drop(enter);
    for i in 0..3 {
        let overlap = overlap.clone();
        drop(context.scheduler().post(move |log: &Arc<Log>| {
            overlap.linger();
            log.push(i.to_string());
        }));
    }
    weak
}

#[test]
fn sch_14_work_queued_on_a_context_that_nobody_owns_any_more_still_runs_one_at_a_time() {
    watchdog(|| {
        let (log, overlap) = (Log::new(), Arc::new(Overlap::default()));
        let runtime = one_thread!();
        let state = orphaned(runtime.enter(), &log, &overlap);
        assert!(state.upgrade().is_some());
        runtime.block_on(async {
            while state.upgrade().is_some() {
                yield_now().await;
            }
        });
        assert_eq!(log.take(), ["0", "1", "2"]);
        assert_eq!(overlap.most(), 1);
    });
}

#[test]
fn sch_14_work_queued_on_a_context_that_nobody_owns_any_more_does_not_leak_if_it_never_runs() {
    watchdog(|| {
        let (log, overlap) = (Log::new(), Arc::new(Overlap::default()));
        let runtime = one_thread!();
        let state = orphaned(runtime.enter(), &log, &overlap);
        drop(runtime);
        assert!(state.upgrade().is_none());
        assert!(log.is_empty());
    });
}

#[test]
fn sch_16_blocking_jobs_of_one_context_run_in_order_if_awaited_so_and_else_together() {
    const JOBS: usize = 10;

    #[context_async(Request)]
    async fn ordered(log: Log, overlap: Arc<Overlap>) {
        for i in 0..JOBS {
            let (log, overlap) = (log.clone(), overlap.clone());
            spawn_blocking_detached(move || {
                overlap.linger();
                log.push(i.to_string());
            })
            .await
            .unwrap();
        }
    }

    #[context_async(Request)]
    async fn unordered(all: Arc<Barrier>) {
        let jobs: Vec<_> = (0..JOBS)
            .map(|_| {
                let all = all.clone();
                // Only all of them at once get past it.
                spawn_blocking_detached(move || all.wait())
            })
            .collect();
        for job in jobs {
            job.await.unwrap();
        }
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let (log, overlap) = (Log::new(), Arc::new(Overlap::default()));
        context.run(ordered(log.clone(), overlap.clone())).await;
        let expected: Vec<_> = (0..JOBS).map(|i| i.to_string()).collect();
        assert_eq!(log.take(), expected);
        assert_eq!(overlap.most(), 1);
        context.run(unordered(Arc::new(Barrier::new(JOBS)))).await;
    });
}

#[test]
fn sch_16_a_blocking_job_runs_while_its_context_is_busy() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let busy = context.scheduler().post(|request| {
            let done = Gate::new();
            let job = spawn_blocking_detached({
                let done = done.clone();
                move || done.open()
            });
            // The turn ends after the job.
            done.wait();
            request.increment();
            job
        });
        busy.await.unwrap().await.unwrap();
        let count = context.scheduler().post(|request| request.count.get());
        assert_eq!(count.await.unwrap(), 1);
    });
}

#[test]
fn sch_17_a_listener_runs_on_its_context_whoever_completes_what_it_listens_to() {
    #[context_async(Request)]
    async fn listens(ready: oneshot::Sender<()>, event: oneshot::Receiver<String>) -> [String; 2] {
        ready.send(()).unwrap();
        let from = event.await.unwrap();
        assert_eq!(context!().user, "ada");
        [from, seen()]
    }

    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let other = RequestContext::new(Request::of("bob"));
        for completer in ["bob", "never", "detached", "thread"] {
            let (ready, is_ready) = oneshot::channel();
            let (complete, event) = oneshot::channel();
            let listener = context.scheduler().spawn(listens(ready, event));
            is_ready.await.unwrap();
            let completes = move || complete.send(seen()).unwrap();
            let from = match completer {
                "bob" => {
                    other.run(async move { completes() }).await;
                    "bob"
                }
                "never" => {
                    tokio::spawn(async move { completes() }).await.unwrap();
                    "never"
                }
                "detached" => {
                    let off = context_block!(Request, async move {
                        #[detached]
                        completes();
                    });
                    run_on_context(&other, off).await;
                    "detached"
                }
                _ => {
                    thread::spawn(completes).join().unwrap();
                    "never"
                }
            };
            assert_eq!(listener.await.unwrap(), [from, "ada"]);
        }
    });
}
