//! `Builder`: a context with settings, and what is said of settings that make no sense.

use std::{
    cell::Cell,
    error::Error,
    hint,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use request_context::{
    BuildError, Builder, ContextThread, Fork, RequestContext, Scheduler, TurnHook, context,
    context_async, scheduler, spawn_detached,
};
use request_context_tests::{
    EventLoop, Log, OnDrop, Request, block_on, message, on_one_thread, on_pool, one_thread, pool,
    seen, watchdog,
};
use tokio_util::sync::CancellationToken;

#[test]
fn a_built_context_is_as_one_that_new_makes() {
    #[context_async(Request)]
    async fn visits() -> u32 {
        context!().increment();
        scheduler!()
            .post(|request| request.count.get())
            .await
            .unwrap()
    }

    on_pool!(2, async {
        let context = RequestContext::builder().build(Request::of("ada")).unwrap();
        assert_eq!(context.run(visits()).await, 1);
        assert_eq!(
            context.scheduler().spawn(async { seen() }).await.unwrap(),
            "ada"
        );
        context.idle().await.unwrap();
        assert_eq!(context.name(), None);
    });
}

#[test]
fn a_concurrent_one_runs_its_work_in_parallel() {
    on_pool!(2, async {
        let context = RequestContext::builder().build_concurrent(()).unwrap();
        let both = Arc::new(std::sync::Barrier::new(2));
        let meets = || {
            let both = both.clone();
            context.scheduler().post(move |()| both.wait().is_leader())
        };
        let (one, two) = (meets(), meets());
        assert!(one.await.unwrap() != two.await.unwrap());
    });
}

// ------------------------------------------------------------ settings that make no sense

fn assert_says(error: BuildError, kind: BuildError, words: &[&str]) {
    assert_eq!(error, kind);
    let error: Box<dyn Error> = Box::new(error);
    for word in words {
        assert!(error.to_string().contains(word), "{error}: {word}");
    }
}

#[test]
fn without_a_runtime_it_is_an_error_that_names_both_ways_out() {
    let built = RequestContext::builder().build(());
    let words = ["tokio runtime", "build it inside", ".runtime(handle)"];
    assert_says(built.unwrap_err(), BuildError::NoRuntime, &words);
    let concurrent = RequestContext::builder().build_concurrent(());
    assert_says(concurrent.unwrap_err(), BuildError::NoRuntime, &words);
}

#[test]
fn a_budget_of_nothing_is_an_error() {
    on_one_thread!(async {
        let built = RequestContext::builder().budget(0).build(());
        assert_says(
            built.unwrap_err(),
            BuildError::ZeroBudget,
            &["budget of 0 turns"],
        );
        let concurrent = RequestContext::builder().budget(0).build_concurrent(());
        assert_eq!(concurrent.unwrap_err(), BuildError::BudgetWithoutTurns);
    });
}

#[test]
fn a_budget_for_a_context_without_turns_is_an_error() {
    on_one_thread!(async {
        let built = RequestContext::builder().budget(8).build_concurrent(());
        let words = ["concurrent", "no turns", ".budget(..)"];
        assert_says(built.unwrap_err(), BuildError::BudgetWithoutTurns, &words);
    });
}

#[test]
fn a_state_for_which_there_is_no_context_is_dropped() {
    let alive = Arc::new(());
    let built = RequestContext::builder().build(alive.clone());
    assert_eq!(built.unwrap_err(), BuildError::NoRuntime);
    assert_eq!(Arc::strong_count(&alive), 1);
}

// ------------------------------------------------------------ the runtime

#[test]
fn work_runs_on_the_runtime_it_is_given_wherever_it_is_built() {
    watchdog(|| {
        let given = pool!(1);
        let on_given = || std::thread::current().name() == Some("pool");
        let context = RequestContext::builder()
            .runtime(given.handle().clone())
            .build(())
            .unwrap();
        let work = context.scheduler().spawn(async move { on_given() });
        assert!(work.blocking_join().unwrap());
        one_thread!().block_on(async {
            let context = RequestContext::builder()
                .runtime(given.handle().clone())
                .build(())
                .unwrap();
            assert!(
                context
                    .scheduler()
                    .spawn(async move { on_given() })
                    .await
                    .unwrap()
            );
            let of_this = RequestContext::builder().build(()).unwrap();
            assert!(
                !of_this
                    .scheduler()
                    .spawn(async move { on_given() })
                    .await
                    .unwrap()
            );
        });
    });
}

// ------------------------------------------------------------ the name

#[test]
fn the_name_is_in_debug_and_of_clones_and_forks() {
    struct State;
    impl Fork for State {
        fn fork(&self) -> Self {
            State
        }
    }

    on_one_thread!(async {
        let context = RequestContext::builder()
            .name("GET /index")
            .build(State)
            .unwrap();
        assert_eq!(context.name(), Some("GET /index"));
        assert_eq!(context.clone().name(), Some("GET /index"));
        assert!(format!("{context:?}").contains("GET /index"));
        let forked = context.scheduler();
        let forked = context
            .scheduler()
            .blocking_send(move |_| forked.fork().unwrap());
        assert_eq!(forked.unwrap().name(), Some("GET /index"));
        let builder = RequestContext::<()>::builder().name("POST").budget(3);
        let debug = format!("{builder:?}");
        assert!(debug.contains("POST") && debug.contains('3'), "{debug}");
    });
}

#[test]
fn the_name_is_in_the_error_of_idle() {
    on_one_thread!(async {
        let named = RequestContext::builder()
            .name("GET /index")
            .build(())
            .unwrap();
        drop(named.scheduler().post(|()| panic!("lost")));
        let panicked = named.idle().await.unwrap_err();
        let id = named.id();
        let text = format!("1 piece of work of {id} (GET /index) panicked: `lost`");
        assert_eq!(panicked.to_string(), text);
        assert!(format!("{panicked:?}").contains("GET /index"));
    });
}

// ------------------------------------------------------------ the budget

/// How many turns of a flooded context, each of which takes so long at least, there are between two of another
/// task of the same thread.
fn longest_stretch(budget: Option<usize>, turn: Duration) -> usize {
    #[derive(Default)]
    struct Flood {
        turns: AtomicUsize,
        ended: AtomicBool,
    }

    /// Each piece posts the next, so that the queue is never empty.
    fn go_on(scheduler: Scheduler<()>, flood: Arc<Flood>, turn: Duration) {
        let next = scheduler.clone();
        drop(scheduler.post(move |()| {
            let began = Instant::now();
            while began.elapsed() < turn {
                hint::spin_loop();
            }
            flood.turns.fetch_add(1, Ordering::Relaxed);
            if !flood.ended.load(Ordering::Relaxed) {
                go_on(next, flood, turn);
            }
        }));
    }

    on_one_thread!(async move {
        let mut builder = RequestContext::builder();
        if let Some(turns) = budget {
            builder = builder.budget(turns);
        }
        let context = builder.build(()).unwrap();
        let flood = Arc::new(Flood::default());
        let flooding = flood.clone();
        // A task like others: what `block_on` itself polls, tokio polls less often.
        let other = tokio::spawn(async move {
            let (mut longest, mut before) = (0, 0);
            for _ in 0..20 {
                request_context_tests::suspend().await;
                let now = flooding.turns.load(Ordering::Relaxed);
                longest = longest.max(now - before);
                before = now;
            }
            flooding.ended.store(true, Ordering::Relaxed);
            longest
        });
        go_on(context.scheduler(), flood, turn);
        let longest = other.await.unwrap();
        context.idle().await.unwrap();
        longest
    })
}

#[test]
fn a_budget_is_how_many_turns_there_are_before_other_tasks_run() {
    assert_eq!(longest_stretch(Some(1), Duration::ZERO), 1);
    assert_eq!(longest_stretch(Some(5), Duration::ZERO), 5);
    assert_eq!(longest_stretch(Some(100), Duration::ZERO), 100);
}

#[test]
fn without_a_budget_others_run_when_the_clock_is_looked_at_after_50_microseconds() {
    // The looks that come first are at 8 turns and at 16: enough has passed between them, however fast the machine.
    assert_eq!(longest_stretch(None, Duration::from_micros(50)), 16);
    let longest = longest_stretch(None, Duration::ZERO);
    assert_ne!(longest, 0);
    assert_eq!(longest % 8, 0, "{longest}");
}

// ------------------------------------------------------------ settings together

#[test]
fn all_settings_together_work_and_a_later_one_replaces_an_earlier() {
    struct Counts(Arc<AtomicUsize>);
    impl TurnHook<()> for Counts {
        type Before = ();
        fn enter(&self, (): &()) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn leave(&self, (): &(), (): ()) {}
    }

    on_one_thread!(async {
        let (turns, panics) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = panics.clone();
        let tokens = [CancellationToken::new(), CancellationToken::new()];
        let context = RequestContext::builder()
            .name("first")
            .name("second")
            .budget(0)
            .budget(2)
            .cancelled_by(&tokens[0])
            .cancelled_by(&tokens[1])
            .on_panic(|_| unreachable!("replaced"))
            .on_panic(move |_| {
                counts.fetch_add(1, Ordering::Relaxed);
            })
            .around_turn(Counts(turns.clone()))
            .around_turn(Counts(turns.clone()))
            .build(())
            .unwrap();
        assert_eq!(context.name(), Some("second"));
        assert!(
            context
                .scheduler()
                .post(|()| panic!())
                .await
                .unwrap_err()
                .is_panic()
        );
        assert_eq!(panics.load(Ordering::Relaxed), 1);
        context.scheduler().blocking_send(|()| ()).unwrap();
        // The closure and the send, each between two hooks.
        assert_eq!(turns.load(Ordering::Relaxed), 4);
        tokens[0].cancel();
        assert!(!context.cancellation_token().is_cancelled());
        tokens[1].cancel();
        assert!(context.cancellation_token().is_cancelled());
    });
}

// ------------------------------------------------------------ contexts that are bound to a thread

type Homely = Rc<&'static str>;

thread_local!(static LOCALE: Cell<&'static str> = const { Cell::new("en") });

/// A builder with all settings, and what its hooks have seen.
fn with_all_settings(token: &CancellationToken) -> (Builder<Homely>, Log) {
    struct Writes(Log);
    impl TurnHook<Homely> for Writes {
        type Before = ();
        fn enter(&self, state: &Homely) {
            self.0.push(format!("enters {state}"));
        }
        fn leave(&self, state: &Homely, (): ()) {
            self.0.push(format!("leaves {state}"));
        }
    }

    let log = Log::new();
    let hook = log.clone();
    let builder = ContextThread::builder()
        .name("window")
        .budget(1)
        .cancelled_by(token)
        .on_panic(move |panic| hook.push(panic.message()))
        .around_turn(Writes(log.clone()))
        .mirror(&LOCALE, |state: &Homely| **state);
    (builder, log)
}

#[test]
fn a_context_with_a_thread_takes_all_settings_and_its_thread_the_name() {
    fn thread_name() -> Option<String> {
        thread::current().name().map(String::from)
    }

    watchdog(|| {
        let pool = pool!(1);
        let token = CancellationToken::new();
        let (builder, log) = with_all_settings(&token);
        let window = builder
            .runtime(pool.handle().clone())
            .build_thread(|| Rc::new("ar-EG"))
            .unwrap();
        assert_eq!(window.name(), Some("window"));
        assert!(format!("{window:?}").contains("window"));
        let scheduler = window.scheduler();
        let sent = scheduler.blocking_send(|_| {
            let detached = spawn_detached(async { thread_name() });
            (thread_name(), LOCALE.get(), detached)
        });
        let (name, locale, detached) = sent.unwrap();
        assert_eq!((name.as_deref(), locale), (Some("window"), "ar-EG"));
        assert_eq!(block_on(detached).unwrap().as_deref(), Some("pool"));
        // It goes there as spawned work, whose poll and whose drop are a turn each.
        block_on(window.idle()).unwrap();
        assert_eq!(log.take(), ["enters ar-EG", "leaves ar-EG"].repeat(2));

        let lost = scheduler.post(|_| panic!("lost"));
        assert!(block_on(lost).unwrap_err().is_panic());
        let panicked = ["enters ar-EG", "leaves ar-EG", "lost"];
        assert_eq!(log.take(), panicked);

        let never = scheduler.spawn_with(std::future::pending::<()>);
        token.cancel();
        assert!(block_on(never).unwrap_err().is_cancelled());
        drop(scheduler.post(|_| unreachable!("it is cancelled")));
        block_on(window.stop()).unwrap();
    });
}

#[test]
fn a_context_on_a_loop_takes_all_settings() {
    watchdog(|| {
        let (to_loop, event_loop) = EventLoop::new();
        let token = CancellationToken::new();
        let (builder, log) = with_all_settings(&token);
        let window = builder.build_on_loop(to_loop, Rc::new("ar-EG")).unwrap();
        assert_eq!(window.name(), Some("window"));
        let posted = window.scheduler().post(|_| LOCALE.get());
        event_loop.run_until(|| posted.is_finished());
        assert_eq!(block_on(posted).unwrap(), "ar-EG");
        assert_eq!(LOCALE.get(), "en");
        assert_eq!(log.take(), ["enters ar-EG", "leaves ar-EG"]);
        token.cancel();
        let refused = window.scheduler().post(|_| ());
        assert!(block_on(refused).unwrap_err().is_cancelled());
        drop(window);
    });
}

#[test]
fn the_panics_of_a_context_that_stops_come_with_its_name() {
    watchdog(|| {
        let window = ContextThread::builder()
            .name("window")
            .build_thread(|| ())
            .unwrap();
        drop(window.scheduler().post(|()| panic!("lost")));
        let error = window.blocking_stop().unwrap_err();
        assert!(error.to_string().contains("window"), "{error}");
    });
}

#[test]
fn a_name_that_no_thread_can_have_is_that_of_the_context() {
    watchdog(|| {
        let name = "nothing\0here";
        let builder = ContextThread::builder().name(name);
        let window = builder.build_thread(|| ()).unwrap();
        assert_eq!(window.name(), Some(name));
        window.blocking_stop().unwrap();
    });
}

#[test]
fn a_budget_of_nothing_makes_no_thread_either() {
    let budget = ContextThread::builder().budget(0);
    let error = budget.build_thread(|| unreachable!("it is not made"));
    assert_eq!(
        error.map(|_: ContextThread<()>| ()),
        Err(BuildError::ZeroBudget)
    );
    let (to_loop, event_loop) = EventLoop::new();
    let error = ContextThread::builder()
        .budget(0)
        .build_on_loop(to_loop, ());
    assert_eq!(error.map(|_| ()), Err(BuildError::ZeroBudget));
    drop(event_loop);
}

#[test]
fn the_panic_of_a_state_is_known_where_a_hook_panics_as_it_is_dropped() {
    watchdog(|| {
        let hook = OnDrop::new(|| panic!("a hook's end"));
        let builder = ContextThread::<()>::builder().on_panic(move |_| {
            let _ = &hook;
        });
        let build = || drop(builder.build_thread(|| panic!("made")));
        let payload = catch_unwind(AssertUnwindSafe(build)).unwrap_err();
        assert_eq!(message(&*payload), "made");
    });
}
