//! Hooks around a turn: what belongs to the thread mirrors the state for the length of each turn.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    sync::{
        Arc, Barrier, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use request_context::{
    Builder, Fork, RequestContext, TurnHook, context, context_async, context_block, detached,
    scheduler, spawn_blocking_detached, spawn_detached, try_with,
};
use request_context_tests::{
    Gate, Log, OnDrop, block_on, caught, on_one_thread, on_pool, one_thread, poll_once,
    stress_on_pool, suspend,
};

thread_local! {
    static USER: Cell<&'static str> = const { Cell::new("worker") };
    static LOCALE: Cell<&'static str> = const { Cell::new("en") };
}

/// A state whose two fields are mirrored.
struct Request {
    user: Cell<&'static str>,
    locale: Cell<&'static str>,
}

impl Request {
    fn of(user: &'static str) -> Self {
        Request {
            user: Cell::new(user),
            locale: Cell::new("ar-EG"),
        }
    }
}

impl Fork for Request {
    fn fork(&self) -> Self {
        Request::of(self.user.get())
    }
}

fn builder() -> Builder<Request> {
    RequestContext::builder()
        .mirror(&USER, |request: &Request| request.user.get())
        .mirror(&LOCALE, |request: &Request| request.locale.get())
}

fn mirrored(user: &'static str) -> RequestContext<Request> {
    builder().build(Request::of(user)).unwrap()
}

/// What this thread has for its own.
fn own() -> (&'static str, &'static str) {
    (USER.get(), LOCALE.get())
}

const NOBODY: (&str, &str) = ("worker", "en");
const ADA: (&str, &str) = ("ada", "ar-EG");

/// Lets what was woken run, and a driver end.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

// ------------------------------------------------------------ mirrors

#[test]
fn sd_13_a_worker_has_the_requests_user_during_the_turn_and_its_own_after() {
    #[context_async(Request)]
    async fn turns() -> bool {
        for _ in 0..20 {
            assert_eq!(own(), ADA);
            suspend().await;
        }
        own() == ADA
    }

    on_pool!(4, async {
        let context = mirrored("ada");
        let works = [(); 8].map(|()| context.scheduler().spawn(turns()));
        for _ in 0..100 {
            assert_eq!(tokio::spawn(async { own() }).await.unwrap(), NOBODY);
        }
        for work in works {
            assert!(work.await.unwrap());
        }
        context.idle().await.unwrap();
        assert_eq!(tokio::spawn(async { own() }).await.unwrap(), NOBODY);
    });
}

#[test]
fn sd_13_a_worker_that_had_another_user_gets_it_back() {
    on_one_thread!(async {
        USER.set("its own");
        let context = mirrored("ada");
        assert_eq!(context.run(async { own() }).await, ADA);
        assert_eq!(own(), ("its own", "en"));
        context
            .scheduler()
            .blocking_send(|_| assert_eq!(own(), ADA))
            .unwrap();
        assert_eq!(own(), ("its own", "en"));
    });
}

#[test]
fn sd_29_the_locale_that_a_handler_sets_is_that_of_the_request_after_an_await() {
    #[context_async(Request)]
    async fn handler() {
        context!().locale.set("de");
        for _ in 0..20 {
            suspend().await;
            assert_eq!(LOCALE.get(), "de");
            assert_eq!(context!().locale.get(), "de");
        }
    }

    on_pool!(4, async {
        let contexts: Vec<_> = (0..4).map(|_| mirrored("ada")).collect();
        let works = contexts
            .iter()
            .map(|each| each.scheduler().spawn(handler()));
        futures::future::try_join_all(works).await.unwrap();
    });
}

#[test]
fn flow_12_the_mirror_is_set_at_every_point_inside_and_nowhere_else() {
    #[context_async(Request)]
    async fn inside(other: RequestContext<Request>) {
        assert_eq!(own(), ADA);
        suspend().await;
        assert_eq!(own(), ADA);
        // To another context, and back.
        assert_eq!(other.run(async { own() }).await.0, "other");
        assert_eq!(own(), ADA);
        let off = spawn_blocking_detached(own).await.unwrap();
        assert_eq!(off, NOBODY);
        assert_eq!(own(), ADA);
    }

    on_pool!(3, async {
        let (context, other) = (mirrored("ada"), mirrored("other"));
        assert_eq!(own(), NOBODY);
        let mut run = Box::pin(context.run(inside(other)));
        // During suspension as well.
        assert!(poll_once(run.as_mut()).is_pending());
        assert_eq!(own(), NOBODY);
        run.await;
        assert_eq!(own(), NOBODY);
    });
}

/// Each outer scope of a block on the context, each operation before it suspends and after.
#[test]
fn flow_13_in_every_scope_and_after_every_operation_the_mirror_is_set_and_gone_after_the_block() {
    type Inner = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
    fn operations() -> Vec<(&'static str, Inner)> {
        vec![
            ("none", Box::pin(async {})),
            ("suspend", Box::pin(suspend())),
            ("yield", Box::pin(tokio::task::yield_now())),
            (
                "sleep",
                Box::pin(tokio::time::sleep(Duration::from_millis(1))),
            ),
            (
                "deep",
                Box::pin(async {
                    suspend().await;
                    Box::pin(async { tokio::task::yield_now().await }).await;
                }),
            ),
            (
                "timeout",
                Box::pin(async {
                    let late = tokio::time::timeout(Duration::from_millis(1), pending::<()>());
                    late.await.unwrap_err();
                }),
            ),
            (
                "elsewhere",
                Box::pin(async { tokio::spawn(suspend()).await.unwrap() }),
            ),
        ]
    }

    #[context_async(Request)]
    async fn block(operation: Inner) {
        assert_eq!(own(), ADA);
        operation.await;
        assert_eq!(own(), ADA);
    }

    #[context_async(Request)]
    async fn nested(operation: Inner) {
        request_context::attach!(block(operation)).await;
        assert_eq!(own(), ADA);
    }

    on_one_thread!(async {
        tokio::time::pause();
        for index in 0..operations().len() {
            let context = mirrored("ada");
            let take = || operations().swap_remove(index).1;
            let name = operations()[index].0;

            context.run(block(take())).await;
            assert_eq!(own(), NOBODY, "run, {name}");
            context.run(nested(take())).await;
            assert_eq!(own(), NOBODY, "nested, {name}");
            context.scheduler().spawn(block(take())).await.unwrap();
            assert_eq!(own(), NOBODY, "spawned, {name}");
            let long = Duration::from_secs(1);
            tokio::time::timeout(long, context.run(block(take())))
                .await
                .unwrap();
            assert_eq!(own(), NOBODY, "in a timeout, {name}");
            tokio::join!(context.run(block(take())), context.run(block(take())));
            assert_eq!(own(), NOBODY, "joined, {name}");
            tokio::select! {
                () = context.run(block(take())) => {}
                () = pending() => {}
            }
            assert_eq!(own(), NOBODY, "selected, {name}");
            tokio::spawn(context.run(block(take()))).await.unwrap();
            assert_eq!(own(), NOBODY, "in another task, {name}");
            let other = mirrored("other");
            other.run(context.run(block(take()))).await;
            assert_eq!(own(), NOBODY, "in another context, {name}");
            context.run(context.run(block(take()))).await;
            assert_eq!(own(), NOBODY, "in the same context, {name}");
        }
    });
}

#[test]
fn flow_15_what_work_sets_on_the_thread_is_gone_with_the_turn_and_on_the_state_it_stays() {
    #[context_async(Request)]
    async fn overwrites() {
        USER.set("raw");
        assert_eq!(USER.get(), "raw");
        suspend().await;
        assert_eq!(USER.get(), "ada");
        context!().user.set("written");
        assert_eq!(USER.get(), "ada", "a turn is mirrored when it begins");
        suspend().await;
        assert_eq!(USER.get(), "written");
    }

    on_pool!(2, async {
        let context = mirrored("ada");
        context.run(overwrites()).await;
        assert_eq!(own(), NOBODY);
        assert_eq!(
            context
                .scheduler()
                .spawn(async { USER.get() })
                .await
                .unwrap(),
            "written"
        );
    });
}

#[test]
fn flow_16_what_is_set_on_one_thread_is_not_carried_to_the_next_turn_on_another() {
    #[context_async(Request)]
    async fn handler() -> (&'static str, &'static str) {
        LOCALE.set("raw");
        context!().user.set("written");
        suspend().await;
        own()
    }

    on_one_thread!(async {
        let mut run = Box::pin(mirrored("ada").run(handler()));
        assert!(poll_once(run.as_mut()).is_pending());
        assert_eq!(own(), NOBODY);
        let next = thread::spawn(move || (block_on(run), own()));
        assert_eq!(next.join().unwrap(), (("written", "ar-EG"), NOBODY));
    });
}

#[test]
fn life_06_no_worker_keeps_what_a_mirror_has_set() {
    thread_local!(static ALIVE: Cell<Option<Arc<()>>> = const { Cell::new(None) });

    on_pool!(4, async {
        let alive = Arc::new(());
        let weak: Weak<()> = Arc::downgrade(&alive);
        let context = RequestContext::builder()
            .mirror(&ALIVE, |alive: &Arc<()>| Some(alive.clone()))
            .build_concurrent(alive)
            .unwrap();
        // On every worker at once.
        let all = Arc::new(Barrier::new(4));
        let works: Vec<_> = (0..4)
            .map(|_| {
                let all = all.clone();
                context.scheduler().spawn(async move {
                    all.wait();
                    let mirrored = ALIVE.take();
                    assert!(mirrored.is_some());
                    ALIVE.set(mirrored);
                    suspend().await;
                })
            })
            .collect();
        for work in works {
            work.await.unwrap();
        }
        context.idle().await.unwrap();
        drop(context);
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn life_12_after_a_turn_that_panics_the_worker_has_neither_context_nor_user_nor_locale() {
    on_one_thread!(async {
        let context = mirrored("ada");
        let clean = || assert!(own() == NOBODY && try_with(|_: &Request| ()).is_err());
        let panics = || async {
            suspend().await;
            assert_eq!(own(), ADA);
            panic_any(0_u8)
        };
        let error = context.scheduler().spawn(panics()).await.unwrap_err();
        assert!(error.is_panic());
        clean();
        let run = tokio::spawn(context.run(panics())).await;
        assert!(run.unwrap_err().is_panic());
        clean();
        caught(|| context.scheduler().blocking_send(|_| panic!("sent")));
        clean();
        assert!(
            context
                .scheduler()
                .post(|_| panic!("posted"))
                .await
                .unwrap_err()
                .is_panic()
        );
        clean();
        assert_eq!(context.run(async { own() }).await, ADA);
        clean();
    });
}

#[test]
fn detached_code_within_a_turn_finds_the_mirror_and_detached_work_does_not() {
    #[detached]
    async fn looks() -> (&'static str, &'static str) {
        assert!(try_with(|_: &Request| ()).is_err());
        own()
    }

    #[context_async(Request)]
    async fn body() {
        assert_eq!(looks().await, ADA);
        #[detached]
        {
            suspend().await;
            assert_eq!(own(), ADA);
        }
        assert_eq!(spawn_detached(async { own() }).await.unwrap(), NOBODY);
    }

    on_pool!(2, async { mirrored("ada").run(body()).await });
}

#[test]
fn forks_mirror_their_own_state() {
    #[context_async(Request)]
    async fn forks() {
        let child = scheduler!().fork().unwrap();
        child
            .scheduler()
            .post(|child| child.user.set("child"))
            .await
            .unwrap();
        assert_eq!(child.run(async { USER.get() }).await, "child");
        assert_eq!(own(), ADA);
        let detached = scheduler!().fork_detached().unwrap();
        detached
            .scheduler()
            .post(|own| own.user.set("detached"))
            .await
            .unwrap();
        assert_eq!(
            detached
                .scheduler()
                .spawn(async { USER.get() })
                .await
                .unwrap(),
            "detached"
        );
        assert_eq!(own(), ADA);
    }

    on_pool!(2, async { mirrored("ada").run(forks()).await });
}

// ------------------------------------------------------------ hooks

/// Writes down the edges of each turn; panics where it is told to.
struct Writes {
    name: &'static str,
    log: Log,
    panics_at: Arc<AtomicUsize>,
}

const NOWHERE: usize = 0;
const ENTER: usize = 1;
const LEAVE: usize = 2;

impl TurnHook<&'static str> for Writes {
    type Before = String;

    fn enter(&self, state: &&'static str) -> String {
        self.log.push(format!("{}+", self.name));
        if self.panics_at.load(Ordering::SeqCst) == ENTER {
            panic!("{} enters", self.name);
        }
        format!("{state} of {}", self.name)
    }

    fn leave(&self, state: &&'static str, before: String) {
        assert_eq!(before, format!("{state} of {}", self.name));
        assert_eq!(try_with(|state: &&'static str| *state), Ok(*state));
        self.log.push(format!("{}-", self.name));
        if self.panics_at.load(Ordering::SeqCst) == LEAVE {
            panic!("{} leaves", self.name);
        }
    }
}

/// A context with hooks `a` around `b`, where the latter panics, and their log.
fn hooked() -> (RequestContext<&'static str>, Log, Arc<AtomicUsize>) {
    let (log, panics_at) = (Log::new(), Arc::new(AtomicUsize::new(NOWHERE)));
    let context = RequestContext::builder()
        .around_turn(Writes {
            name: "a",
            log: log.clone(),
            panics_at: Arc::default(),
        })
        .around_turn(Writes {
            name: "b",
            log: log.clone(),
            panics_at: panics_at.clone(),
        })
        .build("state")
        .unwrap();
    (context, log, panics_at)
}

/// A piece of work that writes down its drop.
fn work(log: &Log, suspends: bool) -> impl Future<Output = ()> + Send + use<> {
    let (log, dropped) = (log.clone(), log.clone());
    let captured = OnDrop::new(move || {
        let seen = try_with(|state: &&'static str| *state);
        dropped.push(format!("drop on {}", seen.unwrap_or("nothing")));
    });
    async move {
        let _captured = captured;
        log.push("work");
        if suspends {
            pending::<()>().await;
        }
    }
}

#[test]
fn flow_14_hooks_are_left_in_reverse_and_each_sees_the_others_value() {
    thread_local! {
        static A: Cell<u32> = const { Cell::new(0) };
        static B: Cell<u32> = const { Cell::new(0) };
    }
    struct Sees(Log, &'static str);
    impl TurnHook<()> for Sees {
        type Before = ();
        fn enter(&self, (): &()) {
            self.0.push(format!("{}+ {} {}", self.1, A.get(), B.get()));
        }
        fn leave(&self, (): &(), (): ()) {
            self.0.push(format!("{}- {} {}", self.1, A.get(), B.get()));
        }
    }

    on_one_thread!(async {
        let log = Log::new();
        let context = RequestContext::builder()
            .mirror(&A, |()| 1)
            .around_turn(Sees(log.clone(), "first"))
            .mirror(&B, |()| 2)
            .around_turn(Sees(log.clone(), "second"))
            .build(())
            .unwrap();
        context.run(async {}).await;
        assert_eq!(
            log.take(),
            ["first+ 1 0", "second+ 1 2", "second- 1 2", "first- 1 0"]
        );
        assert_eq!((A.get(), B.get()), (0, 0));
    });
}

#[test]
fn each_poll_and_each_drop_of_work_is_one_turn() {
    on_one_thread!(async {
        let (context, log, _) = hooked();
        let turn = |within: &[&'static str]| [&["a+", "b+"], within, &["b-", "a-"]].concat();

        let piece = work(&log, false);
        context.run(piece).await;
        assert_eq!(log.take(), turn(&["work", "drop on state"]), "run");

        let mut run = Box::pin(context.run(work(&log, true)));
        assert!(poll_once(run.as_mut()).is_pending());
        assert_eq!(log.take(), turn(&["work"]), "a run that suspends");
        drop(run);
        assert_eq!(
            log.take(),
            turn(&["drop on state"]),
            "a run that is dropped"
        );

        let handle = context.scheduler().spawn(work(&log, true));
        settle().await;
        assert_eq!(log.take(), turn(&["work"]), "work that suspends");
        handle.abort();
        assert!(handle.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), turn(&["drop on state"]), "work that is aborted");

        let sent = log.clone();
        context
            .scheduler()
            .blocking_send(|_| sent.push("sent"))
            .unwrap();
        assert_eq!(log.take(), turn(&["sent"]), "blocking_send");

        let handle = context.scheduler().spawn(work(&log, true));
        settle().await;
        log.take();
        context.cancel();
        assert!(handle.await.unwrap_err().is_cancelled());
        assert_eq!(
            log.take(),
            turn(&["drop on state"]),
            "work that is cancelled"
        );
    });
}

#[test]
fn a_run_that_another_threads_turn_drops_is_dropped_between_the_hooks() {
    let runtime = one_thread!();
    let _entered = runtime.enter();
    let (context, log, _) = hooked();
    let mut run = Box::pin(context.run(work(&log, true)));
    assert!(poll_once(run.as_mut()).is_pending());
    log.take();
    let (within, go_on) = (Gate::new(), Gate::new());
    let holder = {
        let (scheduler, within, go_on) = (context.scheduler(), within.clone(), go_on.clone());
        thread::spawn(move || {
            scheduler.blocking_send(|_| {
                within.open();
                go_on.wait();
            })
        })
    };
    within.wait();
    log.take();
    drop(run);
    assert!(log.is_empty(), "left to who has the turn");
    go_on.open();
    holder.join().unwrap().unwrap();
    let (first, rest) = (
        vec!["b-", "a-"],
        vec!["a+", "b+", "drop on state", "b-", "a-"],
    );
    assert_eq!(log.take(), [first, rest].concat());
}

#[test]
fn hooks_nest_where_a_turn_goes_in_again() {
    on_one_thread!(async {
        let (context, log, _) = hooked();
        let (scheduler, inner) = (context.scheduler(), log.clone());
        let within = async move {
            inner.push("outer");
            let sent = inner.clone();
            scheduler.blocking_send(move |_| sent.push("sent")).unwrap();
            scheduler.run(work(&inner, false)).await;
        };
        context.run(within).await;
        #[rustfmt::skip]
        assert_eq!(log.take(), [
            "a+", "b+", "outer",
            "a+", "b+", "sent", "b-", "a-",
            "a+", "b+", "work", "drop on state", "b-", "a-",
            "b-", "a-",
        ]);
    });
}

#[test]
fn a_hook_that_panics_when_it_enters_ends_the_work_unexecuted_on_its_context() {
    on_one_thread!(async {
        let (context, log, panics_at) = hooked();
        let handle = context.scheduler().spawn(work(&log, true));
        panics_at.store(ENTER, Ordering::SeqCst);
        let error = handle.await.unwrap_err();
        assert!(error.to_string().contains("b enters"), "{error}");
        let twice = ["a+", "b+", "a-", "a+", "b+", "a-", "drop on state"];
        assert_eq!(log.take(), twice, "its poll, and its drop");

        let mut run = Box::pin(context.run(work(&log, false)));
        assert_eq!(caught(|| poll_once(run.as_mut())).message, "b enters");
        assert_eq!(log.take(), ["a+", "b+", "a-"]);
        assert_eq!(caught(|| drop(run)).message, "b enters");
        assert_eq!(log.take(), ["a+", "b+", "a-", "drop on state"]);

        let ran = Cell::new(false);
        let sent = caught(|| context.scheduler().blocking_send(|_| ran.set(true)));
        assert_eq!(sent.message, "b enters");
        assert!(!ran.get());

        panics_at.store(NOWHERE, Ordering::SeqCst);
        context.idle().await.unwrap();
        context.run(async {}).await;
    });
}

#[test]
fn a_hooks_panic_outlives_a_closure_that_panics_as_it_is_dropped_uncalled() {
    on_one_thread!(async {
        let (context, log, panics_at) = hooked();
        panics_at.store(ENTER, Ordering::SeqCst);
        let panics = OnDrop::new(|| panic!("the closure's"));
        let handle = context.scheduler().post(move |_| drop(panics));
        let error = handle.await.unwrap_err();
        assert!(error.to_string().contains("b enters"), "{error}");
        assert_eq!(log.take(), ["a+", "b+", "a-"]);

        let panics = OnDrop::new(|| panic!("the closure's"));
        let aborted = context.scheduler().post(move |_| drop(panics));
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        let panicked = context.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["b enters"]);
    });
}

#[test]
fn a_hook_that_panics_when_it_leaves_ends_the_work_and_the_outer_ones_are_left() {
    on_one_thread!(async {
        let (context, log, panics_at) = hooked();
        panics_at.store(LEAVE, Ordering::SeqCst);
        let handle = context.scheduler().spawn(work(&log, true));
        let error = handle.await.unwrap_err();
        assert!(error.to_string().contains("b leaves"), "{error}");
        #[rustfmt::skip]
        assert_eq!(log.take(), [
            "a+", "b+", "work", "b-", "a-",
            "a+", "b+", "drop on state", "b-", "a-",
        ]);

        let mut run = Box::pin(context.run(work(&log, false)));
        assert_eq!(caught(|| poll_once(run.as_mut())).message, "b leaves");
        assert_eq!(
            log.take(),
            ["a+", "b+", "work", "drop on state", "b-", "a-"]
        );
        drop(run);
        assert!(log.is_empty(), "it is done");

        let sent = caught(|| context.scheduler().blocking_send(|_| ()));
        assert_eq!(sent.message, "b leaves");
        log.take();

        // While the work panics, its panic is the one that counts.
        let handle = context.scheduler().post(|_| panic!("the work"));
        let error = handle.await.unwrap_err();
        assert!(error.to_string().contains("the work"), "{error}");

        panics_at.store(NOWHERE, Ordering::SeqCst);
        context.idle().await.unwrap();
        context.run(async {}).await;
    });
}

#[test]
fn a_hook_that_panics_while_work_is_dropped_is_reported_and_the_work_is_dropped() {
    on_one_thread!(async {
        for panics in [ENTER, LEAVE] {
            let (context, log, panics_at) = hooked();
            let handle = context.scheduler().spawn(work(&log, true));
            settle().await;
            log.take();
            panics_at.store(panics, Ordering::SeqCst);
            context.cancel();
            let panicked = context.idle().await.unwrap_err();
            assert_eq!(panicked.messages().count(), 1);
            assert!(handle.await.unwrap_err().is_cancelled());
            let dropped = match panics {
                ENTER => vec!["a+", "b+", "a-", "drop on state"],
                _ => vec!["a+", "b+", "drop on state", "b-", "a-"],
            };
            assert_eq!(log.take(), dropped);
        }
    });
}

#[test]
fn a_result_that_a_leaving_hooks_panic_throws_away_is_dropped_on_the_context() {
    on_one_thread!(async {
        let (context, log, panics_at) = hooked();
        panics_at.store(LEAVE, Ordering::SeqCst);
        let result = log.clone();
        let returns = async move {
            OnDrop::new(move || {
                let seen = try_with(|state: &&'static str| *state);
                result.push(format!("result on {}", seen.unwrap_or("nothing")));
            })
        };
        let error = context
            .scheduler()
            .spawn(returns)
            .await
            .map(drop)
            .unwrap_err();
        assert!(error.is_panic());
        assert_eq!(log.take()[..5], ["a+", "b+", "b-", "a-", "result on state"]);
    });
}

#[test]
fn a_result_whose_drop_panics_after_a_leaving_hooks_panic_is_no_abort() {
    on_one_thread!(async {
        let (context, _, panics_at) = hooked();
        panics_at.store(LEAVE, Ordering::SeqCst);
        let handle = context
            .scheduler()
            .spawn(async { OnDrop::new(|| panic!("the result")) });
        let error = handle.await.map(drop).unwrap_err();
        assert!(error.to_string().contains("b leaves"), "{error}");
    });
}

#[test]
fn hooks_of_a_destructor_that_sends_during_a_panic_are_left_as_well() {
    on_one_thread!(async {
        let (context, log, panics_at) = hooked();
        let scheduler = context.scheduler();
        panics_at.store(LEAVE, Ordering::SeqCst);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _sends = OnDrop::new(|| scheduler.blocking_send(|_| ()).unwrap());
            panic_any("outside");
        }));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"outside"));
        assert_eq!(log.take(), ["a+", "b+", "b-", "a-"]);
    });
}

#[test]
fn a_run_that_is_dropped_during_a_panic_survives_that_its_hooks_panic() {
    on_one_thread!(async {
        for panics in [ENTER, LEAVE] {
            let (context, log, panics_at) = hooked();
            let mut run = Box::pin(context.run(work(&log, true)));
            assert!(poll_once(run.as_mut()).is_pending());
            log.take();
            panics_at.store(panics, Ordering::SeqCst);
            let panic = catch_unwind(AssertUnwindSafe(|| {
                let _dropped = run;
                panic_any("outside");
            }));
            assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"outside"));
            let events = log.take();
            assert!(events.contains(&"drop on state".to_owned()), "{events:?}");
        }
    });
}

#[test]
fn a_mirror_whose_value_panics_leaves_the_thread_as_it_was() {
    on_one_thread!(async {
        let context = RequestContext::builder()
            .mirror(&USER, |user: &&'static str| *user)
            .mirror(&LOCALE, |_| panic!("no locale"))
            .build("ada")
            .unwrap();
        assert_eq!(
            caught(|| context.scheduler().blocking_send(|_| ())).message,
            "no locale"
        );
        assert_eq!(own(), NOBODY);
        let error = context.scheduler().spawn(async {}).await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(own(), NOBODY);
    });
}

#[test]
fn a_hook_may_use_a_state_without_sync_though_many_threads_take_turns() {
    struct Counts;
    impl TurnHook<RefCell<Vec<usize>>> for Counts {
        type Before = usize;
        fn enter(&self, turns: &RefCell<Vec<usize>>) -> usize {
            let mut turns = turns.borrow_mut();
            let now = turns.len();
            turns.push(now);
            now
        }
        fn leave(&self, turns: &RefCell<Vec<usize>>, before: usize) {
            assert_eq!(turns.borrow().last(), Some(&before), "one turn at a time");
        }
    }

    stress_on_pool!(4, async {
        let context = RequestContext::builder()
            .around_turn(Counts)
            .build(RefCell::default())
            .unwrap();
        let works: Vec<_> = (0..100)
            .map(|_| {
                let scheduler = context.scheduler();
                tokio::spawn(async move {
                    scheduler.spawn(async { suspend().await }).await.unwrap();
                    scheduler.run(suspend()).await;
                })
            })
            .collect();
        for work in works {
            work.await.unwrap();
        }
        let turns = context.run(context_block!(RefCell<Vec<usize>>, async {
            context!().borrow().len()
        }));
        // A spawned piece: two polls and a drop. A `run`: two polls.
        assert_eq!(turns.await, 100 * 5 + 1);
    });
}

#[test]
fn hooks_of_a_concurrent_context_are_around_the_work_of_each_thread() {
    on_pool!(2, async {
        let context = RequestContext::builder()
            .mirror(&USER, |user: &&'static str| *user)
            .build_concurrent("ada")
            .unwrap();
        let both = Arc::new(Barrier::new(2));
        let looks = || {
            let both = both.clone();
            context.scheduler().spawn(async move {
                both.wait();
                let first = USER.get();
                suspend().await;
                (first, USER.get())
            })
        };
        let (one, two) = (looks(), looks());
        assert_eq!(one.await.unwrap(), ("ada", "ada"));
        assert_eq!(two.await.unwrap(), ("ada", "ada"));
        assert_eq!(tokio::spawn(async { USER.get() }).await.unwrap(), "worker");
    });
}
