//! A context that has a thread of its own: what runs there, what gets there, and how it ends.

use std::{
    cell::{Cell, RefCell},
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    rc::Rc,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, ThreadId},
};

use futures::FutureExt;
use request_context::{
    ContextThread, Scheduler, SendError, StopError, ThreadScheduler, context, context_async,
    context_block, scheduler, spawn_blocking_detached, spawn_detached, try_with,
};
use request_context_tests::{
    Gate, Graves, Homely, LONG_PATIENCE, Log, OnDrop, block_on, caught, on_one_thread, on_pool,
    suspend, watchdog, watchdog_of,
};
use static_assertions::assert_impl_all;
use tokio::sync::oneshot;

assert_impl_all!(ContextThread<Rc<()>>: Send, Sync);
assert_impl_all!(ThreadScheduler<Rc<()>>: Send, Sync, Clone);
assert_impl_all!(Scheduler<Rc<()>>: Send, Sync, Clone);

/// What only its thread may touch.
struct Widget {
    lines: Rc<RefCell<Vec<String>>>,
    clicks: Cell<u32>,
    _homely: Option<Homely>,
}

impl Widget {
    fn new() -> Self {
        Widget {
            lines: Rc::default(),
            clicks: Cell::new(0),
            _homely: None,
        }
    }

    fn buried_in(graves: &Graves) -> Self {
        Widget {
            _homely: Some(graves.homely()),
            ..Self::new()
        }
    }
}

fn here() -> ThreadId {
    thread::current().id()
}

fn sees_a_widget() -> bool {
    try_with(|_: &Widget| ()).is_ok()
}

#[context_async(Widget)]
async fn thread_of_a_click() -> ThreadId {
    let widget = context!();
    widget.clicks.set(widget.clicks.get() + 1);
    here()
}

// ---------------------------------------------------------------- getting there

#[test]
fn sd_21_send_waits_for_its_effect_and_post_does_not() {
    watchdog(|| {
        let widget = ContextThread::new(Widget::new);
        let scheduler = widget.scheduler();
        let effect = Arc::new(Mutex::new(0));
        let sent = scheduler.blocking_send(|_| {
            for _ in 0..100 {
                thread::yield_now();
            }
            *effect.lock().unwrap() = 1;
        });
        assert_eq!(sent, Ok(()));
        assert_eq!(*effect.lock().unwrap(), 1);

        let gate = Gate::new();
        let posted = scheduler.post({
            let (gate, effect) = (gate.clone(), effect.clone());
            move |_| {
                gate.wait();
                *effect.lock().unwrap() = 2;
            }
        });
        assert_eq!(*effect.lock().unwrap(), 1);
        gate.open();
        posted.blocking_join().unwrap();
        assert_eq!(*effect.lock().unwrap(), 2);
    });
}

#[test]
fn sd_23_the_context_is_there_once_it_is_made_and_entered() {
    watchdog(|| {
        let (made_in, is_made_in) = mpsc::channel();
        let widget = ContextThread::new(move || {
            made_in.send((here(), sees_a_widget())).unwrap();
            Widget::new()
        });
        assert_eq!(is_made_in.recv().unwrap(), (widget.thread_id(), false));
        assert!(!sees_a_widget());
        let seen = widget.scheduler().post(|_| (here(), sees_a_widget()));
        assert_eq!(seen.blocking_join().unwrap(), (widget.thread_id(), true));
    });
}

#[test]
fn sd_24_and_sd_25_direct_use_on_a_foreign_thread_is_an_error_with_both_ids_in_every_build() {
    watchdog(|| {
        let widget = ContextThread::new(Widget::new);
        let touch = |scheduler: ThreadScheduler<Widget>| {
            let error = scheduler.with(|widget| widget.clicks.set(99)).unwrap_err();
            assert_eq!(error.owner(), scheduler.thread_id());
            assert_eq!(error.caller(), here());
            assert_eq!(error.context_id(), scheduler.id());
            let text = error.to_string();
            for part in [
                scheduler.id().to_string(),
                format!("{:?}", error.owner()),
                format!("{:?}", error.caller()),
                "blocking_send".to_owned(),
            ] {
                assert!(text.contains(&part), "{part}: {text}");
            }
            error.caller()
        };
        let callers = [(); 3].map(|()| {
            let scheduler = widget.scheduler();
            thread::spawn(move || touch(scheduler)).join().unwrap()
        });
        assert!(!callers.contains(&widget.thread_id()));
        let clicks = widget
            .scheduler()
            .blocking_send(|widget| widget.clicks.get());
        assert_eq!(clicks, Ok(0));
        // Where it belongs, it works: in a turn, and in a task that has none.
        let scheduler = widget.scheduler();
        let inside = widget.scheduler().post(move |_| {
            scheduler.with(|widget| widget.clicks.set(7)).unwrap();
            let scheduler = scheduler.clone();
            tokio::spawn(async move { scheduler.with(|widget| widget.clicks.get()) })
        });
        let clicks = block_on(inside.blocking_join().unwrap()).unwrap();
        assert_eq!(clicks, Ok(7));
    });
}

#[test]
fn sd_26_sends_of_three_threads_run_on_the_owner_in_the_order_they_were_accepted() {
    watchdog(|| {
        let widget = ContextThread::new(Widget::new);
        let gate = Gate::new();
        let busy = widget.scheduler().post({
            let gate = gate.clone();
            move |_| gate.wait()
        });
        let senders: Vec<_> = (0..3)
            .map(|i| {
                let scheduler = widget.scheduler();
                let sender = thread::spawn(move || {
                    let caller = here();
                    let sent = scheduler.blocking_send(|widget| {
                        let line = format!("hello from {caller:?}, executing {:?}", here());
                        widget.lines.borrow_mut().push(line);
                    });
                    assert_eq!(sent, Ok(()));
                    caller
                });
                // The one at the gate, and those that were accepted.
                let accepted = format!("count: {}", i + 2);
                while !format!("{widget:?}").contains(&accepted) {
                    thread::yield_now();
                }
                sender
            })
            .collect();
        gate.open();
        busy.blocking_join().unwrap();
        let owner = widget.thread_id();
        let expected: Vec<_> = senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .map(|caller| format!("hello from {caller:?}, executing {owner:?}"))
            .collect();
        let lines = widget
            .scheduler()
            .blocking_send(|widget| widget.lines.borrow().clone());
        assert_eq!(lines.unwrap(), expected);
    });
}

#[test]
fn send_02_the_closure_runs_over_there_and_its_value_comes_back() {
    watchdog(|| {
        let widget = ContextThread::new(Widget::new);
        // Borrowed from this stack, both ways.
        let name = String::from("ada");
        let mut written = None;
        let sent = widget.scheduler().blocking_send(|_| {
            written = Some(name.as_str());
            (here(), name.len())
        });
        assert_eq!(sent, Ok((widget.thread_id(), 3)));
        assert_eq!(written, Some("ada"));
    });
}

#[test]
fn a_panic_of_a_sent_closure_comes_back_and_nothing_else_notices() {
    watchdog(|| {
        let widget = ContextThread::new(Widget::new);
        let scheduler = widget.scheduler();
        let sent = catch_unwind(AssertUnwindSafe(|| {
            scheduler.blocking_send(|_| panic_any(42_u64))
        }));
        assert_eq!(sent.unwrap_err().downcast_ref(), Some(&42_u64));
        assert_eq!(scheduler.blocking_send(|widget| widget.clicks.get()), Ok(0));
        assert!(block_on(widget.idle()).is_ok());
    });
}

#[test]
fn sending_from_an_async_worker_is_refused() {
    on_one_thread!(async {
        let widget = ContextThread::new(Widget::new);
        let sent = tokio::spawn({
            let scheduler = widget.scheduler();
            async move { scheduler.blocking_send(|_| ()) }
        });
        let refused = SendError::AsyncWorker(widget.id());
        assert_eq!(sent.await.unwrap(), Err(refused));
    });
}

#[test]
fn two_threads_that_send_to_each_other_get_an_error() {
    watchdog(|| {
        let widgets = [(); 2].map(|()| Arc::new(ContextThread::new(Widget::new)));
        let meet = Arc::new(Barrier::new(2));
        // Each blocks its thread in `spawn_blocking`'s way, off the runtime's budget.
        let sent = [(0, 1), (1, 0)].map(|(from, to)| {
            let scheduler = widgets[to].scheduler();
            let meet = meet.clone();
            widgets[from].scheduler().post(move |_| {
                tokio::task::unconstrained(async move {
                    meet.wait();
                    scheduler.blocking_send(|_| ())
                })
                .now_or_never()
                .unwrap()
            })
        });
        let sent = sent.map(|handle| handle.blocking_join().unwrap());
        let ids = [widgets[0].id(), widgets[1].id()];
        let deadlocks = sent.iter().filter(|sent| match sent {
            Err(SendError::Deadlock(cycle)) => {
                assert!(ids.iter().all(|id| cycle.contains(id)), "{cycle:?}");
                true
            }
            Err(SendError::AsyncWorker(_)) => panic!("the budget is lifted"),
            _ => false,
        });
        assert_eq!(deadlocks.count(), 1, "{sent:?}");
        assert_eq!(sent.iter().filter(|sent| sent.is_ok()).count(), 1);
    });
}

// ---------------------------------------------------------------- run

#[test]
fn run_hops_to_the_thread_and_back() {
    on_pool!(2, async {
        let widget = ContextThread::new(Widget::new);
        let ran_on = widget.scheduler().run(thread_of_a_click()).await;
        assert_eq!(ran_on, widget.thread_id());
        assert_ne!(ran_on, here());
        // Not a submission: a closed context still runs it.
        widget.close();
        assert_eq!(widget.scheduler().run(thread_of_a_click()).await, ran_on);
    });
}

#[test]
fn run_on_the_thread_itself_goes_in_at_once() {
    watchdog(|| {
        let widget = ContextThread::new(Widget::new);
        let scheduler = widget.scheduler();
        let ran = widget.scheduler().post({
            let scheduler = scheduler.clone();
            move |_| scheduler.run(thread_of_a_click()).now_or_never()
        });
        assert_eq!(ran.blocking_join().unwrap(), Some(widget.thread_id()));
        // Also where no turn of it is running.
        let ran = widget.scheduler().post(move |_| {
            tokio::spawn(async move { scheduler.run(thread_of_a_click()).now_or_never() })
        });
        let ran = block_on(ran.blocking_join().unwrap()).unwrap();
        assert_eq!(ran, Some(widget.thread_id()));
    });
}

#[test]
fn dropping_a_run_elsewhere_drops_its_work_on_the_thread() {
    on_pool!(2, async {
        let widget = ContextThread::new(Widget::new);
        let (started, is_started) = oneshot::channel();
        // Never opened, and kept: the work could still go on.
        let gate = Gate::new();
        let opened = gate.opened();
        let (dropped, is_dropped) = oneshot::channel();
        let run = widget.scheduler().run(async move {
            let _local = OnDrop::new(move || dropped.send((here(), sees_a_widget())).unwrap());
            started.send(()).unwrap();
            opened.await;
        });
        let run = tokio::spawn(run);
        is_started.await.unwrap();
        run.abort();
        assert_eq!(is_dropped.await.unwrap(), (widget.thread_id(), true));
        assert!(!gate.is_open());
    });
}

#[test]
fn a_run_that_was_never_polled_is_dropped_on_the_thread_too() {
    on_pool!(2, async {
        let widget = ContextThread::new(Widget::new);
        let (dropped, is_dropped) = oneshot::channel();
        let local = OnDrop::new(move || dropped.send((here(), sees_a_widget())).unwrap());
        drop(widget.scheduler().run(async move { drop(local) }));
        assert_eq!(is_dropped.await.unwrap(), (widget.thread_id(), true));
    });
}

#[test]
fn a_panic_of_a_run_comes_back_to_whoever_polls_it() {
    on_pool!(2, async {
        let widget = ContextThread::new(Widget::new);
        let run = tokio::spawn(widget.scheduler().run(async { panic_any(42_u64) }));
        let payload = run.await.unwrap_err().into_panic();
        assert_eq!(payload.downcast_ref(), Some(&42_u64));
        assert!(widget.idle().await.is_ok());
    });
}

#[test]
fn sd_28_detached_work_that_takes_up_the_context_is_on_its_thread_from_there() {
    on_pool!(2, async {
        let widget = ContextThread::new(Widget::new);
        let scheduler = widget.scheduler();
        let detached = spawn_detached(async move {
            let before = (here(), sees_a_widget());
            let inside = scheduler
                .run(context_block!(Widget, async move {
                    let first = here();
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                    context!().clicks.set(28);
                    (first, here(), sees_a_widget())
                }))
                .await;
            (before, inside)
        });
        let owner = widget.thread_id();
        let (before, inside) = detached.await.unwrap();
        assert_ne!(before.0, owner);
        assert!(!before.1);
        assert_eq!(inside, (owner, owner, true));
        let clicks = widget
            .scheduler()
            .run(context_block!(Widget, async { context!().clicks.get() }));
        assert_eq!(clicks.await, 28);
    });
}

// ---------------------------------------------------------------- off the thread

#[test]
fn sd_27_detached_work_is_off_the_thread_and_cannot_touch_the_state() {
    #[context_async(Widget)]
    async fn starts_detached_work(widget: ThreadScheduler<Widget>) -> (bool, ThreadId, bool) {
        let detached = spawn_detached(async move {
            let saw = sees_a_widget();
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            let touched = widget.with(|widget| widget.clicks.set(99));
            (saw, here(), touched.is_ok())
        });
        detached.await.unwrap()
    }

    on_pool!(2, async {
        let widget = ContextThread::new(Widget::new);
        let work = starts_detached_work(widget.scheduler());
        let (saw, thread, touched) = widget.scheduler().run(work).await;
        assert!(!saw && !touched);
        assert_ne!(thread, widget.thread_id());
    });
}

#[test]
fn sd_30_whoever_touched_the_state_from_elsewhere_can_post_instead() {
    #[context_async(Widget)]
    async fn touches_it_off_thread(widget: ThreadScheduler<Widget>) -> ThreadId {
        spawn_blocking_detached(move || {
            let error = widget.with(|widget| widget.clicks.set(99)).unwrap_err();
            let posted = widget.post(|widget| {
                widget.clicks.set(30);
                here()
            });
            assert_eq!(posted.blocking_join().unwrap(), error.owner());
            error.caller()
        })
        .await
        .unwrap()
    }

    on_pool!(2, async {
        let widget = ContextThread::new(Widget::new);
        let work = touches_it_off_thread(widget.scheduler());
        let caller = widget.scheduler().run(work).await;
        assert_ne!(caller, widget.thread_id());
        let clicks = widget.scheduler().post(|widget| widget.clicks.get());
        assert_eq!(clicks.await.unwrap(), 30);
    });
}

#[test]
fn sd_29_the_locale_that_a_handler_sets_is_there_after_an_await_on_the_same_thread() {
    #[context_async(Cell<&'static str>)]
    async fn handler(late: oneshot::Receiver<ThreadId>) -> (ThreadId, ThreadId, &'static str) {
        context!().set("ar-EG");
        let before = here();
        assert_ne!(late.await.unwrap(), before);
        (before, here(), context!().get())
    }

    watchdog(|| {
        let locale = ContextThread::new(|| Cell::new("en"));
        let (complete, late) = oneshot::channel();
        let work = locale.scheduler().spawn(handler(late));
        let set = locale.scheduler().post(|locale| locale.get());
        assert_eq!(set.blocking_join().unwrap(), "ar-EG");
        complete.send(here()).unwrap();
        let owner = locale.thread_id();
        assert_eq!(work.blocking_join().unwrap(), (owner, owner, "ar-EG"));
    });
}

#[test]
fn sch_15_after_blocking_work_the_body_goes_on_on_the_thread() {
    #[context_async(Widget)]
    async fn body(waits: Gate, late: oneshot::Receiver<ThreadId>) -> [ThreadId; 4] {
        let before = here();
        let blocked_on = spawn_blocking_detached(here).await.unwrap();
        assert!(sees_a_widget());
        let between = here();
        waits.open();
        let completed_by = late.await.unwrap();
        context!().clicks.set(15);
        assert_ne!(completed_by, here());
        [before, blocked_on, between, here()]
    }

    watchdog(|| {
        // Off every runtime: the thread's own does it.
        let widget = ContextThread::new(Widget::new);
        let (complete, late) = oneshot::channel();
        let waits = Gate::new();
        let work = widget.scheduler().spawn(body(waits.clone(), late));
        waits.wait();
        // It has the turn until it has suspended.
        widget.scheduler().post(|_| ()).blocking_join().unwrap();
        complete.send(here()).unwrap();
        let [before, blocked_on, between, after] = work.blocking_join().unwrap();
        let owner = widget.thread_id();
        assert_eq!([before, between, after], [owner; 3]);
        assert_ne!(blocked_on, owner);
    });
}

#[test]
fn blk_09_waiting_for_work_that_needs_this_very_thread_is_an_error() {
    watchdog(|| {
        let widget = ContextThread::new(Widget::new);
        let scheduler = widget.scheduler();
        let first = widget.scheduler().post(move |_| {
            let error = scheduler.post(|_| ()).blocking_join().unwrap_err();
            (error.is_deadlock(), error.to_string())
        });
        let (is_deadlock, text) = first.blocking_join().unwrap();
        assert!(is_deadlock && text.contains("turn"), "{text}");
        // From a thread that is not needed for it, it is none.
        let scheduler = widget.scheduler();
        let waits = thread::spawn(move || scheduler.post(|_| ()).blocking_join());
        assert!(waits.join().unwrap().is_ok());
    });
}

// ---------------------------------------------------------------- its own

#[test]
fn a_future_that_is_not_send_is_made_polled_and_dropped_on_the_thread() {
    on_pool!(2, async {
        let widget = ContextThread::new(Widget::new);
        let graves = Graves::new();
        let (wake, woken) = oneshot::channel();
        let spawned = widget.scheduler().spawn_with({
            let graves = graves.clone();
            move || {
                let homely = graves.homely();
                let made_on = here();
                context_block!(Widget, async move {
                    let lines = Rc::clone(&context!().lines);
                    woken.await.unwrap();
                    drop(homely.share());
                    lines.borrow_mut().push("woken".to_owned());
                    (made_on, here(), lines.borrow().len())
                })
            }
        });
        // From a third thread.
        thread::spawn(move || wake.send(()).unwrap())
            .join()
            .unwrap();
        let owner = widget.thread_id();
        assert_eq!(spawned.await.unwrap(), (owner, owner, 1));
        assert_eq!(graves.threads(), [owner]);
    });
}

#[test]
fn aborting_elsewhere_drops_a_future_on_the_thread() {
    on_pool!(2, async {
        let widget = ContextThread::new(Widget::new);
        let graves = Graves::new();
        let make = |graves: &Graves, started: Gate| {
            let graves = graves.clone();
            move || {
                let homely = graves.homely();
                async move {
                    started.open();
                    pending::<()>().await;
                    drop(homely);
                }
            }
        };
        let started = Gate::new();
        let spawned = widget
            .scheduler()
            .spawn_with(make(&graves, started.clone()));
        started.opened().await;
        spawned.abort();
        assert!(spawned.await.unwrap_err().is_cancelled());
        // Dropped handle, and nobody left to wake it: it is dropped all the same.
        let started = Gate::new();
        let spawned = widget
            .scheduler()
            .spawn_with(make(&graves, started.clone()));
        started.opened().await;
        drop(spawned);
        widget.stop().await.unwrap();
        let threads = graves.threads();
        assert_eq!(threads.len(), 2);
        assert_eq!(threads[0], threads[1]);
        assert_ne!(threads[0], here());
    });
}

#[test]
fn timers_and_io_work_inside() {
    #[context_async(tokio::net::TcpListener)]
    async fn echo() -> u16 {
        context!().accept().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        context!().local_addr().unwrap().port()
    }

    watchdog(|| {
        let listener = ContextThread::new(|| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            tokio::net::TcpListener::from_std(listener).unwrap()
        });
        let scheduler = listener.scheduler();
        let address = scheduler.blocking_send(|listener| listener.local_addr().unwrap());
        let address = address.unwrap();
        let accepted = scheduler.spawn(echo());
        let _stream = std::net::TcpStream::connect(address).unwrap();
        assert_eq!(accepted.blocking_join().unwrap(), address.port());
    });
}

#[test]
fn aff_07_each_has_a_thread_of_its_own_and_what_is_nested_stays_on_it() {
    #[context_async(Widget)]
    async fn outer(meet: Arc<Barrier>) -> [ThreadId; 3] {
        // Both are here at once, or this hangs.
        meet.wait();
        let nested = scheduler!().run(thread_of_a_click()).await;
        let spawned = scheduler!().spawn(thread_of_a_click()).await.unwrap();
        [here(), nested, spawned]
    }

    on_pool!(2, async {
        let meet = Arc::new(Barrier::new(2));
        let widgets = [(); 2].map(|()| ContextThread::new(Widget::new));
        let [first, second] = [0, 1].map(|i| widgets[i].scheduler().spawn(outer(meet.clone())));
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!(first, [widgets[0].thread_id(); 3]);
        assert_eq!(second, [widgets[1].thread_id(); 3]);
        assert_ne!(first, second);
    });
}

#[test]
fn aff_09_on_one_context_thread_another_one_is_not_current() {
    watchdog(|| {
        let [one, other] = [(); 2].map(|()| ContextThread::new(Widget::new));
        assert_ne!(one.id(), other.id());
        let to_other = other.scheduler();
        let ids = one.scheduler().post(move |_| {
            let mine = Scheduler::<Widget>::from_current().unwrap().id();
            (
                mine,
                to_other.id(),
                to_other.with(|_| ()).unwrap_err().owner(),
            )
        });
        let (mine, others, owner) = ids.blocking_join().unwrap();
        assert_eq!(
            (mine, others, owner),
            (one.id(), other.id(), other.thread_id())
        );
    });
}

// ---------------------------------------------------------------- the end

#[test]
fn stop_waits_for_the_work_and_then_drops_the_state_on_its_thread() {
    on_pool!(2, async {
        let graves = Graves::new();
        let widget = ContextThread::new({
            let graves = graves.clone();
            move || Widget::buried_in(&graves)
        });
        let (owner, scheduler) = (widget.thread_id(), widget.scheduler());
        let gate = Gate::new();
        let work = scheduler.spawn({
            let gate = gate.clone();
            async move { gate.opened().await }
        });
        let mut stopped = Box::pin(widget.stop());
        assert!(futures::poll!(stopped.as_mut()).is_pending());
        assert!(scheduler.post(|_| ()).await.unwrap_err().is_closed());
        assert_eq!(graves.threads(), []);
        gate.open();
        stopped.await.unwrap();
        assert!(work.is_finished());
        // Though a scheduler outlives it, and is dropped elsewhere.
        assert_eq!(graves.threads(), [owner]);
        assert!(scheduler.post(|_| ()).await.unwrap_err().is_closed());
        let sent = thread::spawn({
            let scheduler = scheduler.clone();
            move || scheduler.blocking_send(|_| ())
        });
        assert_eq!(sent.join().unwrap(), Err(SendError::Closed(scheduler.id())));
        let run = tokio::spawn(scheduler.run(async {}));
        assert!(run.await.unwrap_err().is_panic());
        drop(scheduler);
        assert_eq!(graves.threads(), [owner]);
    });
}

#[test]
fn dropping_the_owner_begins_the_same_stop() {
    watchdog(|| {
        let (dropped, is_dropped) = mpsc::channel();
        let widget = ContextThread::new(move || {
            (
                Rc::new(()),
                OnDrop::new(move || dropped.send(here()).unwrap()),
            )
        });
        let (owner, scheduler) = (widget.thread_id(), widget.scheduler());
        let accepted = scheduler.post(|_| 1);
        drop(widget);
        assert_eq!(is_dropped.recv().unwrap(), owner);
        assert_eq!(accepted.blocking_join().unwrap(), 1);
        assert!(
            scheduler
                .post(|_| ())
                .blocking_join()
                .unwrap_err()
                .is_closed()
        );
    });
}

#[test]
fn aff_02_panics_that_nobody_took_come_out_of_stop_and_so_does_that_of_the_states_drop() {
    watchdog(|| {
        let widget = ContextThread::new(|| OnDrop::new(|| panic!("the state")));
        drop(widget.scheduler().post(|_| panic!("first")));
        drop(widget.scheduler().post(|_| panic!("second")));
        match widget.blocking_stop() {
            Err(StopError::Panicked(panicked)) => {
                let messages: Vec<_> = panicked.messages().collect();
                assert_eq!(messages, ["first", "second", "the state"]);
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn idle_waits_and_reports_as_everywhere() {
    on_pool!(2, async {
        let widget = ContextThread::new(Widget::new);
        drop(widget.scheduler().post(|_| panic!("lost")));
        let panicked = widget.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["lost"]);
        widget.idle().await.unwrap();
        assert!(!widget.is_closed());
    });
}

#[test]
fn what_is_left_in_the_threads_runtime_is_dropped_there_before_the_state() {
    watchdog(|| {
        let (log, graves) = (Log::new(), Graves::new());
        let widget = ContextThread::new({
            let log = log.clone();
            move || (OnDrop::new(move || log.push("state")), Rc::new(()))
        });
        let scheduler = widget.scheduler();
        let started = Gate::new();
        let run = widget.scheduler().post({
            let (log, graves, started) = (log.clone(), graves.clone(), started.clone());
            let run = scheduler.run(async move {
                let _local = OnDrop::new(move || {
                    drop(graves.homely());
                    log.push("run");
                });
                started.open();
                pending::<()>().await;
            });
            move |_| drop(tokio::spawn(run))
        });
        run.blocking_join().unwrap();
        started.wait();
        let owner = widget.thread_id();
        widget.blocking_stop().unwrap();
        assert_eq!(log.take(), ["run", "state"]);
        assert_eq!(graves.threads(), [owner]);
    });
}

#[test]
fn a_panic_of_make_comes_back_to_the_caller_of_new() {
    watchdog(|| {
        let payload = catch_unwind(|| ContextThread::<Rc<()>>::new(|| panic_any(7_u8)));
        assert_eq!(payload.unwrap_err().downcast_ref(), Some(&7_u8));
    });
}

#[test]
fn blocking_stop_where_it_would_wait_for_itself_panics_and_stops_nevertheless() {
    watchdog(|| {
        let widget = ContextThread::new(Widget::new);
        let scheduler = widget.scheduler();
        let gate = Gate::new();
        let stopped = scheduler.post({
            let gate = gate.clone();
            move |_| {
                gate.wait();
                caught(|| widget.blocking_stop()).message
            }
        });
        gate.open();
        let message = stopped.blocking_join().unwrap();
        assert!(message.contains("on the thread that"), "{message}");
        assert!(
            scheduler
                .post(|_| ())
                .blocking_join()
                .unwrap_err()
                .is_closed()
        );
    });
    on_one_thread!(async {
        let widget = ContextThread::new(Widget::new);
        let stopped = tokio::spawn(async move { caught(|| widget.blocking_stop()).message });
        let message = stopped.await.unwrap();
        assert!(message.contains("async tasks"), "{message}");
    });
}

#[test]
fn stop_awaited_by_its_own_work_panics() {
    watchdog(|| {
        let widget = ContextThread::new(Widget::new);
        let scheduler = widget.scheduler();
        let stops = scheduler.spawn(async move { widget.stop().await });
        let error = stops.blocking_join().unwrap_err();
        assert!(error.to_string().contains("waits for"), "{error}");
    });
}

#[test]
fn the_context_thread_is_named_and_ends() {
    watchdog(|| {
        type AtTheEnd = OnDrop<Box<dyn FnOnce()>>;
        thread_local! {
            static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
        }
        let (ended, has_ended) = mpsc::channel();
        let widget = ContextThread::new(move || {
            let send = move || ended.send(()).unwrap();
            LAST.set(Some(OnDrop::new(Box::new(send) as Box<dyn FnOnce()>)));
            thread::current().name().map(str::to_owned)
        });
        let name = widget.scheduler().blocking_send(Clone::clone).unwrap();
        assert_eq!(name.as_deref(), Some("request-context"));
        drop(widget);
        has_ended.recv().unwrap();
    });
}

#[test]
fn s6_whatever_many_threads_do_while_it_stops_all_is_dropped_on_its_thread() {
    watchdog_of(LONG_PATIENCE, || {
        for _ in 0..50 {
            let graves = Graves::new();
            let widget = ContextThread::new({
                let graves = graves.clone();
                move || Widget::buried_in(&graves)
            });
            let owner = widget.thread_id();
            let made = Arc::new(AtomicUsize::new(1));
            let started = Gate::new();
            let users: Vec<_> = (0..3)
                .map(|user| {
                    let (graves, made, started) = (graves.clone(), made.clone(), started.clone());
                    let scheduler = widget.scheduler();
                    let make = move || {
                        made.fetch_add(1, Ordering::SeqCst);
                        let homely = graves.homely();
                        async move {
                            for _ in 0..3 {
                                suspend().await;
                            }
                            drop(homely);
                        }
                    };
                    thread::spawn(move || {
                        for i in user.. {
                            let spawned = scheduler.spawn_with(make.clone());
                            match i % 4 {
                                0 => drop(spawned),
                                1 => spawned.abort(),
                                2 => drop(spawned.blocking_join()),
                                // It panics if the thread has stopped.
                                _ => drop(catch_unwind(AssertUnwindSafe(|| {
                                    scheduler.run(suspend()).now_or_never()
                                }))),
                            }
                            if scheduler.blocking_send(|_| ()).is_err() {
                                break;
                            }
                            started.open();
                        }
                    })
                })
                .collect();
            started.wait();
            widget.blocking_stop().unwrap();
            for user in users {
                user.join().unwrap();
            }
            let threads = graves.threads();
            assert_eq!(threads.len(), made.load(Ordering::SeqCst));
            assert!(threads.iter().all(|thread| *thread == owner));
        }
    });
}
