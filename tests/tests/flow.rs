//! Where a context goes by itself, and where it does not: nested contexts, offloads, pools, timers.

use std::{
    cell::{Cell, OnceCell, RefCell},
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, Weak},
    thread,
};

use futures::{FutureExt, StreamExt, stream};
use request_context::{
    RequestContext, Scheduler, context, context_async, context_block, detached, run_on_context,
    scheduler, spawn_blocking_detached, try_with,
};
use request_context_tests::{
    Gate, Log, OnDrop, Request, ambient, block_on, context_on, on_one_thread, on_pool, one_thread,
    pool, seen, watchdog,
};
use tokio::{
    sync::{Notify, mpsc},
    task::yield_now,
};

fn request_of(user: &str) -> RequestContext<Request> {
    RequestContext::new(Request::of(user))
}

/// The number in the context that is visible here.
fn slot() -> Option<u32> {
    try_with(|slot: &Cell<u32>| slot.get()).ok()
}

#[test]
fn flow_02_writes_inside_another_context_do_not_leak_into_this_one() {
    #[context_async(Cell<u32>)]
    async fn inside() -> u32 {
        let read = context!().get();
        context!().set(56);
        read
    }

    #[context_async(Cell<u32>)]
    async fn outside(snapshot: RequestContext<Cell<u32>>) -> [u32; 2] {
        let read = run_on_context(&snapshot, inside()).await;
        [read, context!().get()]
    }

    on_one_thread!(async {
        let snapshot = RequestContext::new(Cell::new(42));
        let context = RequestContext::new(Cell::new(12));
        let read = context.run(outside(snapshot.clone())).await;
        assert_eq!(read, [42, 12]);
        assert_eq!(snapshot.run(async { slot() }).await, Some(56));
    });
}

#[test]
fn flow_05_a_callee_that_enters_another_context_leaks_it_to_nobody() {
    /// However it returns, also while it is suspended.
    async fn callee(other: RequestContext<Request>, end: u32) -> Result<String, String> {
        let saw = other.run(async { seen() }).await;
        let mut suspended = Box::pin(other.run(async {
            yield_now().await;
            seen()
        }));
        assert!(futures::poll!(suspended.as_mut()).is_pending());
        match end {
            0 => Ok(saw),
            1 => Err(saw),
            _ => panic!("in {saw}"),
        }
    }

    async fn caller(other: RequestContext<Request>) {
        let before = seen();
        for end in 0..3 {
            let call = AssertUnwindSafe(callee(other.clone(), end)).catch_unwind();
            match call.await {
                Ok(Ok(saw) | Err(saw)) => assert_eq!(saw, "bob"),
                Err(_) => assert_eq!(end, 2),
            }
            assert_eq!(seen(), before);
        }
    }

    on_pool!(2, async {
        let bob = request_of("bob");
        caller(bob.clone()).await;
        request_of("ada").run(caller(bob)).await;
    });
}

#[test]
fn flow_06_who_is_signalled_resumes_in_its_own_context_and_who_signals_stays_in_its_own() {
    #[context_async(Request)]
    async fn waits(signal: Arc<Notify>, queue: Arc<tokio::sync::Mutex<mpsc::Receiver<String>>>) {
        for _ in 0..3 {
            signal.notified().await;
            assert_eq!(seen(), context!().user);
            let from = queue.lock().await.recv().await.unwrap();
            assert_ne!(from, "waiter");
            assert_eq!(seen(), "waiter");
        }
    }

    #[context_async(Request)]
    async fn signals(signal: Arc<Notify>, queue: mpsc::Sender<String>) {
        let before = seen();
        signal.notify_one();
        assert_eq!(seen(), before);
        queue.send(before.clone()).await.unwrap();
        assert_eq!(seen(), before);
        yield_now().await;
        assert_eq!(context!().user, before);
    }

    on_pool!(2, async {
        let signal = Arc::new(Notify::new());
        let (sender, receiver) = mpsc::channel(1);
        let queue = Arc::new(tokio::sync::Mutex::new(receiver));
        let waiter = request_of("waiter");
        let waits = tokio::spawn(waiter.run(waits(signal.clone(), queue)));
        for signaller in ["signaller 100", "signaller 200", "signaller 300"] {
            let signals = signals(signal.clone(), sender.clone());
            request_of(signaller).run(signals).await;
            while sender.capacity() == 0 {
                yield_now().await;
            }
        }
        waits.await.unwrap();
    });
}

#[test]
fn flow_07_two_requests_that_contend_for_one_mutex_each_hold_it_in_their_own_context() {
    #[context_async(Request)]
    async fn contends(mutex: Arc<tokio::sync::Mutex<u32>>) {
        for _ in 0..100 {
            let mut guard = mutex.lock().await;
            assert_eq!(seen(), context!().user);
            yield_now().await;
            *guard += 1;
            drop(guard);
            assert_eq!(seen(), context!().user);
        }
    }

    on_pool!(2, async {
        let mutex = Arc::new(tokio::sync::Mutex::new(0));
        let requests =
            ["ada", "bob"].map(|user| tokio::spawn(request_of(user).run(contends(mutex.clone()))));
        for request in requests {
            request.await.unwrap();
        }
        assert_eq!(*mutex.lock().await, 200);
    });
}

#[test]
fn flow_08_calls_joined_in_one_body_each_enter_their_own_context_and_never_see_each_others() {
    async fn child(number: u32) -> Result<String, String> {
        let before = seen();
        let user = format!("child {number}");
        let own = request_of(&user);
        let inside = own.run(async {
            let before = seen();
            yield_now().await;
            yield_now().await;
            [before, seen()]
        });
        assert_eq!(inside.await, [user.clone(), user]);
        yield_now().await;
        assert_eq!(seen(), before);
        Ok(before)
    }

    #[context_async(Request)]
    async fn parent() {
        let (a, b) = tokio::join!(child(1), child(2));
        assert_eq!([a.unwrap(), b.unwrap()], ["parent", "parent"]);
        let tried = tokio::try_join!(child(1), child(2)).unwrap();
        assert_eq!(tried, ("parent".to_owned(), "parent".to_owned()));
        assert_eq!(context!().user, seen());
        let children = stream::iter(1..=4).map(child);
        let buffered: Vec<_> = children.buffer_unordered(2).collect().await;
        assert_eq!(buffered, vec![Ok("parent".to_owned()); 4]);
        let merged = stream::select(
            stream::once(Box::pin(child(1))),
            stream::once(Box::pin(child(2))),
        );
        assert_eq!(merged.count().await, 2);
        assert_eq!(context!().user, seen());
    }

    on_pool!(2, async {
        request_of("parent").run(parent()).await;
    });
}

fn ambient_scheduler() -> Option<Scheduler<Request>> {
    Scheduler::from_current().ok()
}

#[test]
fn flow_09_in_a_detached_part_nothing_can_be_queued_on_the_context_and_parts_nest() {
    #[context_async(Request, allow(blocking))]
    async fn index() {
        assert!(ambient_scheduler().is_some());
        #[detached]
        {
            assert!(ambient_scheduler().is_none());
            assert_eq!(tokio::spawn(async { seen() }).await.unwrap(), "never");
            #[detached]
            {
                yield_now().await;
                assert!(ambient_scheduler().is_none());
            }
            // The end of the inner one does not end the outer one.
            assert!(ambient_scheduler().is_none());
            assert_eq!(thread::spawn(seen).join().unwrap(), "never");
        }
        let spawned = ambient_scheduler().unwrap().spawn(async { seen() });
        assert_eq!(spawned.await.unwrap(), context!().user);
    }

    on_pool!(2, async {
        request_of("ada").run(index()).await;
    });
}

#[test]
fn flow_10_a_scheduler_taken_before_a_detached_part_works_in_it_and_none_can_be_taken_there() {
    #[context_async(Request)]
    async fn index() {
        let before = ambient_scheduler().unwrap();
        #[detached]
        {
            assert!(Scheduler::<Request>::from_current().is_err());
            let inside = before.run(async { (seen(), ambient_scheduler()) }).await;
            assert_eq!(inside, ("ada".to_owned(), Some(before.clone())));
            assert_eq!(seen(), "detached");
        }
        assert_eq!(context!().user, "ada");
    }

    on_pool!(2, async {
        request_of("ada").run(index()).await;
    });
}

#[test]
fn flow_17_what_is_written_through_a_shared_reference_is_there_after_a_suspension_and_for_siblings()
{
    #[context_async(Request)]
    async fn sibling() -> u32 {
        context!().increment();
        context!().count.get()
    }

    #[context_async(Request)]
    async fn index() -> [u32; 2] {
        context!().increment();
        yield_now().await;
        let own = context!().count.get();
        [own, scheduler!().spawn(sibling()).await.unwrap()]
    }

    on_pool!(2, async {
        assert_eq!(request_of("ada").run(index()).await, [1, 2]);
    });
}

#[test]
fn flow_18_contexts_of_one_type_nest_and_an_unrelated_task_sees_none() {
    async fn enters(value: u32, inside: impl Future<Output = ()> + Send + 'static) {
        let before = slot();
        let context = RequestContext::new(Cell::new(value));
        context.run(inside).await;
        assert_eq!(slot(), before);
    }

    #[context_async(Cell<u32>)]
    async fn outer() {
        let unrelated = tokio::spawn(async {
            yield_now().await;
            slot()
        });
        enters(42, async {
            assert_eq!(slot(), Some(42));
            enters(53, async {
                yield_now().await;
                assert_eq!(slot(), Some(53));
            })
            .await;
            yield_now().await;
            assert_eq!(slot(), Some(42));
        })
        .await;
        assert_eq!(slot(), Some(1));
        assert_eq!(context!().get(), 1);
        assert_eq!(unrelated.await.unwrap(), None);
    }

    on_pool!(2, async {
        RequestContext::new(Cell::new(1)).run(outer()).await;
    });
}

#[test]
fn flow_21_a_stream_that_is_produced_on_another_context_sees_that_one_and_its_consumer_its_own() {
    fn produced_on(
        context: RequestContext<Cell<u32>>,
        yields: bool,
    ) -> impl stream::Stream<Item = Option<u32>> + Send {
        stream::iter(0..3).then(move |_| {
            context.run(async move {
                let before = slot();
                if yields {
                    yield_now().await;
                }
                assert_eq!(slot(), before);
                before
            })
        })
    }

    #[context_async(Cell<u32>)]
    async fn consumes(producer: RequestContext<Cell<u32>>, producer_yields: bool, yields: bool) {
        let mut stream = std::pin::pin!(produced_on(producer, producer_yields));
        let mut items = 0;
        while let Some(item) = stream.next().await {
            assert_eq!(item, Some(2));
            assert_eq!(slot(), Some(1));
            if yields {
                yield_now().await;
            }
            assert_eq!(context!().get(), 1);
            items += 1;
        }
        assert_eq!(items, 3);
    }

    on_pool!(2, async {
        let [consumer, producer] = [1, 2].map(|slot| RequestContext::new(Cell::new(slot)));
        for (producer_yields, yields) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let consumes = consumes(producer.clone(), producer_yields, yields);
            consumer.run(consumes).await;
        }
    });
}

#[test]
fn flow_22_through_async_and_blocking_layers_the_innermost_reads_and_writes_the_same_state() {
    /// async, blocking, async, blocking.
    #[context_async(Request)]
    async fn outermost() -> String {
        context!().increment();
        let scheduler = scheduler!();
        let innermost = spawn_blocking_detached(move || block_on(scheduler.run(middle())));
        let user = innermost.await.unwrap();
        assert_eq!(context!().count.get(), 3);
        user
    }

    #[context_async(Request)]
    async fn middle() -> String {
        context!().increment();
        let scheduler = scheduler!();
        let innermost = spawn_blocking_detached(move || {
            scheduler.blocking_send(|request| {
                request.increment();
                request.user.clone()
            })
        });
        let user = innermost.await.unwrap().unwrap();
        assert_eq!(context!().count.get(), 3);
        user
    }

    watchdog(|| {
        let runtime = pool!(2);
        let context = context_on(runtime.enter(), Request::of("ada"));
        let _entered = runtime.enter();
        assert_eq!(block_on(context.run(outermost())), "ada");
    });
}

#[test]
fn flow_24_a_thread_started_on_a_context_has_none_unless_it_is_given_one() {
    #[context_async(Request, allow(blocking))]
    async fn index() {
        assert_eq!(thread::spawn(seen).join().unwrap(), "never");
        let scheduler = scheduler!();
        let given = thread::spawn(move || drop(scheduler.post(Request::increment)));
        given.join().unwrap();
        while context!().count.get() == 0 {
            yield_now().await;
        }
        assert_eq!(seen(), context!().user);
    }

    on_pool!(2, async {
        request_of("ada").run(index()).await;
    });
}

#[test]
fn flow_26_a_blocking_offload_sees_no_state_and_returns_values() {
    #[context_async(Request)]
    async fn index() -> u32 {
        let offload = spawn_blocking_detached(|| {
            assert!(ambient().is_err());
            7
        });
        let value = offload.await.unwrap();
        context!().count.set(value);
        yield_now().await;
        context!().count.get()
    }

    on_pool!(2, async {
        assert_eq!(request_of("ada").run(index()).await, 7);
    });
}

#[test]
fn flow_27_four_operations_given_one_context_all_write_there_and_nothing_here() {
    type Digits = RefCell<String>;

    #[context_async(Digits)]
    async fn appends() {
        yield_now().await;
        context!().borrow_mut().push('1');
    }

    #[context_async(Digits)]
    async fn caller(explicit: RequestContext<Digits>) -> String {
        futures::future::join_all([(); 4].map(|()| explicit.run(appends()))).await;
        context!().borrow().clone()
    }

    on_pool!(2, async {
        let explicit = RequestContext::new(Digits::default());
        let own = RequestContext::new(Digits::default());
        assert_eq!(own.run(caller(explicit.clone())).await, "");
        let digits = explicit.scheduler().post(RefCell::take).await.unwrap();
        assert_eq!(digits, "1111");
    });
}

#[test]
fn flow_31_contexts_of_two_types_nest_and_each_is_back_after_an_error_within() {
    async fn fails_within(numbers: RequestContext<Cell<u32>>, panics: bool) -> Result<(), String> {
        let failing = numbers.run(async move {
            yield_now().await;
            assert_eq!((slot(), ambient().is_err()), (Some(7), true));
            assert!(!panics, "within");
            Err("within".to_owned())
        });
        failing.await
    }

    #[context_async(Request)]
    async fn outer(numbers: RequestContext<Cell<u32>>) {
        for panics in [false, true] {
            let inner = request_of("inner");
            let call = inner.run(fails_within(numbers.clone(), panics));
            let result = AssertUnwindSafe(call).catch_unwind().await;
            assert!(!matches!(result, Ok(Ok(()))));
            assert_eq!((slot(), seen()), (None, "outer".to_owned()));
            assert_eq!(context!().user, "outer");
        }
    }

    on_pool!(2, async {
        let numbers = RequestContext::new(Cell::new(7));
        request_of("outer").run(outer(numbers)).await;
    });
}

#[test]
fn flow_32_a_request_that_waits_for_the_connection_of_another_goes_on_in_its_own_context() {
    #[context_async(Request)]
    async fn query(pool: Arc<tokio::sync::Semaphore>, busy: Gate) -> String {
        let connection = pool.acquire().await.unwrap();
        busy.opened().await;
        // The next one is woken here, within this one's turn.
        drop(connection);
        assert_eq!(seen(), context!().user);
        seen()
    }

    on_pool!(2, async {
        let pool = Arc::new(tokio::sync::Semaphore::new(1));
        let busy = Gate::new();
        let requests = ["ada", "bob", "eve"]
            .map(|user| tokio::spawn(request_of(user).run(query(pool.clone(), busy.clone()))));
        busy.open();
        for (request, user) in requests.into_iter().zip(["ada", "bob", "eve"]) {
            assert_eq!(request.await.unwrap(), user);
        }
    });
}

#[test]
fn flow_32_a_callback_stored_with_its_scheduler_runs_on_its_own_context_whoever_calls_it() {
    type Callbacks = Arc<Mutex<Vec<Box<dyn FnOnce() + Send>>>>;

    #[context_async(Request)]
    async fn stores(callbacks: Callbacks, log: Log) {
        let scheduler = scheduler!();
        let callback = move || drop(scheduler.post(move |_| log.push(seen())));
        callbacks.lock().unwrap().push(Box::new(callback));
    }

    #[context_async(Request)]
    async fn calls(callbacks: Callbacks) {
        let all = std::mem::take(&mut *callbacks.lock().unwrap());
        all.into_iter().for_each(|callback| callback());
        assert_eq!(seen(), context!().user);
    }

    on_one_thread!(async {
        let (callbacks, log) = (Callbacks::default(), Log::new());
        let [ada, bob] = ["ada", "bob"].map(request_of);
        bob.run(stores(callbacks.clone(), log.clone())).await;
        ada.run(calls(callbacks)).await;
        bob.idle().await.unwrap();
        assert_eq!(log.take(), ["bob"]);
    });
}

#[test]
fn flow_33_the_next_request_of_a_connection_starts_with_a_state_of_its_own() {
    #[derive(Default)]
    struct Lazy(OnceCell<u32>);

    #[context_async(Lazy)]
    async fn handler(request: u32) -> u32 {
        yield_now().await;
        *context!().0.get_or_init(|| request)
    }

    on_pool!(2, async {
        let connection = tokio::spawn(async {
            let mut responses = Vec::new();
            for request in 1..=2 {
                let context = RequestContext::new(Lazy::default());
                responses.push(context.run(handler(request)).await);
                assert!(try_with(|_: &Lazy| ()).is_err());
            }
            responses
        });
        assert_eq!(connection.await.unwrap(), [1, 2]);
    });
}

#[test]
fn flow_34_a_timer_for_all_that_one_request_has_started_holds_nothing_of_it() {
    #[context_async(Arc<()>)]
    async fn starts_the_timer(tick: Gate, log: Log) -> tokio::task::JoinHandle<()> {
        assert_eq!(Arc::strong_count(&context!()), 1);
        tokio::spawn(async move {
            tick.opened().await;
            log.push(match Scheduler::<Arc<()>>::from_current() {
                Ok(_) => "a context",
                Err(_) => "no context",
            });
        })
    }

    on_one_thread!(async {
        let (tick, log) = (Gate::new(), Log::new());
        let state = Arc::new(());
        let weak: Weak<()> = Arc::downgrade(&state);
        let context = RequestContext::new(state);
        let timer = context
            .run(starts_the_timer(tick.clone(), log.clone()))
            .await;
        yield_now().await;
        drop(context);
        assert!(weak.upgrade().is_none());
        tick.open();
        timer.await.unwrap();
        assert_eq!(log.take(), ["no context"]);
    });
}

#[test]
fn flow_36_work_that_outlives_the_owner_of_its_context_keeps_the_state_to_its_end_and_no_longer() {
    #[context_async(Arc<u32>)]
    async fn outlives(scope_ended: Gate) -> u32 {
        let before = **context!();
        scope_ended.opened().await;
        before + **context!()
    }

    on_one_thread!(async {
        let state = Arc::new(21);
        let weak = Arc::downgrade(&state);
        let ended = Gate::new();
        let work = {
            let context = RequestContext::new(state);
            context.scheduler().spawn(outlives(ended.clone()))
        };
        yield_now().await;
        assert!(weak.upgrade().is_some());
        ended.open();
        assert_eq!(work.await.unwrap(), 42);
        yield_now().await;
        assert!(weak.upgrade().is_none());
    });
}

type Value = OnDrop<fn()>;

/// A state one of whose values, when dropped, writes another.
#[derive(Default)]
struct Slots {
    value: RefCell<Option<Value>>,
    other: Cell<u32>,
}

#[test]
fn flow_48_a_value_whose_drop_writes_another_slot_of_its_context_is_dropped_without_a_deadlock() {
    fn writes_the_other() {
        let scheduler = Scheduler::<Slots>::from_current().unwrap();
        let write = scheduler.blocking_send(|slots| slots.other.set(slots.other.get() + 1));
        write.unwrap();
    }

    #[context_async(Slots)]
    async fn clears() {
        let value = Value::new(writes_the_other);
        context!().value.replace(Some(value));
        yield_now().await;
        context!().value.take();
    }

    on_pool!(2, async {
        let context = RequestContext::new(Slots::default());
        context.run(clears()).await;
        let value = Value::new(writes_the_other);
        let scheduler = context.scheduler();
        scheduler
            .blocking_send(|slots| drop(slots.value.replace(Some(value))))
            .unwrap();
        scheduler
            .post(|slots| drop(slots.value.take()))
            .await
            .unwrap();
        assert_eq!(scheduler.post(|slots| slots.other.get()).await.unwrap(), 2);
    });
}

#[test]
fn flow_51_contexts_entered_one_inside_the_other_on_a_plain_thread_are_left_one_by_one() {
    watchdog(|| {
        let runtime = one_thread!();
        let [first, second] =
            ["ctx1", "ctx2"].map(|user| context_on(runtime.enter(), Request::of(user)).scheduler());
        let log = Log::new();
        let outer = first.blocking_send(|_| {
            log.push(seen());
            second
                .blocking_send(|_| {
                    log.push(seen());
                    // Once more into the first, which this thread has entered already.
                    first.blocking_send(|_| log.push(seen())).unwrap();
                    log.push(seen());
                })
                .unwrap();
            log.push(seen());
            let panics = || second.blocking_send(|_| panic!("inside"));
            assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
            log.push(seen());
        });
        outer.unwrap();
        log.push(seen());
        assert_eq!(
            log.take(),
            ["ctx1", "ctx2", "ctx1", "ctx2", "ctx1", "ctx1", "never"]
        );
    });
}

#[test]
fn flow_51_contexts_entered_one_inside_the_other_by_awaits_are_left_one_by_one() {
    on_pool!(1, async {
        let [first, second] = ["ctx1", "ctx2"].map(request_of);
        let log = Log::new();
        let (outer, inner) = (log.clone(), log.clone());
        let nested = context_block!(Request, async move {
            outer.push(seen());
            let in_second = second.run(async move {
                yield_now().await;
                inner.push(seen());
            });
            in_second.await;
            outer.push(context!().user.clone());
        });
        first.run(nested).await;
        log.push(seen());
        assert_eq!(log.take(), ["ctx1", "ctx2", "ctx1", "never"]);
    });
}
