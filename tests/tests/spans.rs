//! Spawned and posted work runs in the `tracing` span that it was spawned or posted in: with the feature
//! `tracing`.

mod captured;

use std::{
    cell::Cell,
    future::pending,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use captured::captured;
use request_context::{
    ContextThread, RequestContext, TurnHook, context, context_async, context_block, scheduler,
    spawn_detached,
};
use request_context_tests::{
    Gate, OnDrop, Request, on_one_thread, on_pool, pool, seen, suspend, watchdog,
};
use tracing::{Id, Instrument, Span, Subscriber, info, info_span, span::EnteredSpan};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

fn ada() -> RequestContext<Request> {
    RequestContext::new(Request::of("ada"))
}

/// Logs at two turns, and in a span of its own.
#[context_async(Request)]
async fn two_turns() {
    info!("{} before", context!().user);
    suspend().await;
    info!("{} after", context!().user);
    info_span!("own").in_scope(|| info!("within"));
}

fn two_turns_in(spans: &str) -> [String; 3] {
    [
        format!("{spans}: ada before"),
        format!("{spans}: ada after"),
        format!("{spans} > own: within"),
    ]
}

#[test]
fn post_15_the_posters_span_is_the_parent_of_what_a_posted_closure_logs() {
    let lines = on_pool!(
        2,
        captured(async {
            let context = ada();
            let scheduler = context.scheduler();
            let posted = info_span!("poster").in_scope(|| {
                scheduler.post(|request| {
                    info!("for {}", request.user);
                    info_span!("own").in_scope(|| info!("within"));
                })
            });
            posted.await.unwrap();
        })
    );
    assert_eq!(lines, ["poster: for ada", "poster > own: within"]);
}

#[test]
fn post_15_of_what_is_ambient_where_it_was_posted_only_the_span_is_visible() {
    tokio::task_local!(static TASKS: u32);
    thread_local!(static THREADS: Cell<u32> = const { Cell::new(0) });

    // The pool has threads of its own; this is none of them.
    let lines = watchdog(|| {
        let pool = pool!(1);
        pool.block_on(captured(async {
            let (context, other) = (ada(), RequestContext::new(Request::of("bob")));
            let scheduler = context.scheduler();
            THREADS.set(1);
            let posts = TASKS.scope(1, async move {
                let posted = scheduler.post(|_| {
                    info!("posted");
                    let task = TASKS.try_with(|local| *local).ok();
                    (task, THREADS.get(), seen())
                });
                posted.await.unwrap()
            });
            let saw = other.run(posts.instrument(info_span!("poster"))).await;
            assert_eq!(saw, (None, 0, "ada".to_owned()));
        }))
    });
    assert_eq!(lines, ["poster: posted"]);
}

#[test]
fn spawned_work_has_the_span_of_its_spawner_at_every_turn() {
    let lines = on_pool!(
        2,
        captured(async {
            let context = ada();
            let scheduler = context.scheduler();
            let spawned = info_span!("spawner").in_scope(|| scheduler.spawn(two_turns()));
            spawned.await.unwrap();
        })
    );
    assert_eq!(lines, two_turns_in("spawner"));
}

#[test]
fn so_has_exclusive_work() {
    let lines = on_pool!(
        2,
        captured(async {
            let context = ada();
            let scheduler = context.scheduler();
            let spawned = info_span!("spawner").in_scope(|| scheduler.spawn_exclusive(two_turns()));
            spawned.await.unwrap();
        })
    );
    assert_eq!(lines, two_turns_in("spawner"));
}

#[test]
fn so_has_work_that_is_spawned_without_knowing_the_state() {
    #[context_async]
    async fn one_turn(text: &'static str) {
        info!("{text} on a context: {}", seen());
    }

    let lines = on_pool!(
        2,
        captured(async {
            let context = ada();
            let scheduler = context.scheduler().into_any();
            let spawned = info_span!("spawner").in_scope(|| {
                [
                    scheduler.spawn(one_turn("spawned")),
                    scheduler.spawn_exclusive(one_turn("exclusive")),
                ]
            });
            for handle in spawned {
                handle.await.unwrap();
            }
        })
    );
    assert_eq!(
        lines,
        [
            "spawner: spawned on a context: ada",
            "spawner: exclusive on a context: ada"
        ]
    );
}

#[test]
fn so_has_work_that_runs_in_parallel() {
    let lines = on_pool!(
        2,
        captured(async {
            let context = RequestContext::concurrent("ada".to_owned());
            let scheduler = context.scheduler();
            let spawned = info_span!("spawner").in_scope(|| {
                scheduler.spawn(context_block!(String, async {
                    info!("before");
                    suspend().await;
                    info!("after");
                }))
            });
            spawned.await.unwrap();
        })
    );
    assert_eq!(lines, ["spawner: before", "spawner: after"]);
}

#[test]
fn work_of_a_context_that_is_bound_to_a_thread_has_the_span_it_came_from() {
    #[context_async(Rc<Request>, ?Send)]
    async fn not_send() {
        let request = Rc::clone(&context!());
        suspend().await;
        info!("made there for {}", request.user);
    }

    let lines = on_pool!(
        1,
        captured(async {
            let window = ContextThread::new(|| Rc::new(Request::of("ada")));
            let scheduler = window.scheduler();
            let work = |text: &'static str| {
                context_block!(Rc<Request>, async move {
                    suspend().await;
                    info!("{text} for {}", context!().user);
                })
            };
            let caller = info_span!("caller");
            let handles = caller.in_scope(|| {
                [
                    scheduler.post(|request| info!("posted for {}", request.user)),
                    scheduler.spawn_exclusive(work("exclusive")),
                    scheduler.spawn(work("spawned")),
                    scheduler.spawn_with(not_send),
                ]
            });
            for handle in handles {
                handle.await.unwrap();
            }
            // Not polled here, but over there.
            scheduler.run(work("run")).instrument(caller.clone()).await;
            let sent = tokio::task::spawn_blocking(move || {
                caller.in_scope(|| scheduler.blocking_send(|request| info!("for {}", request.user)))
            });
            sent.await.unwrap().unwrap();
            window.stop().await.unwrap();
        })
    );
    let mut sorted = lines;
    sorted.sort();
    assert_eq!(
        sorted,
        [
            "caller: exclusive for ada",
            "caller: for ada",
            "caller: made there for ada",
            "caller: posted for ada",
            "caller: run for ada",
            "caller: spawned for ada",
        ]
    );
}

#[test]
fn spans_nest_as_work_spawns_work() {
    #[context_async(Request, boxed)]
    async fn level(depth: u32) {
        let span = info_span!("level", depth);
        info!("{depth} starts");
        if depth > 0 {
            let spawned = span.in_scope(|| scheduler!().spawn(level(depth - 1)));
            spawned.await.unwrap();
        }
        info!("{depth} ends");
    }

    let lines = on_pool!(
        2,
        captured(async {
            let context = ada();
            let outermost = info_span!("outermost");
            let spawned = outermost.in_scope(|| context.scheduler().spawn(level(2)));
            spawned.await.unwrap();
        })
    );
    assert_eq!(
        lines,
        [
            "outermost: 2 starts",
            "outermost > level{depth=2}: 1 starts",
            "outermost > level{depth=2} > level{depth=1}: 0 starts",
            "outermost > level{depth=2} > level{depth=1}: 0 ends",
            "outermost > level{depth=2}: 1 ends",
            "outermost: 2 ends",
        ]
    );
}

fn logs_on_drop(text: &'static str) -> OnDrop<impl FnOnce() + Send> {
    OnDrop::new(move || info!("{text} dropped, and sees {}", seen()))
}

#[test]
fn work_is_dropped_in_its_span() {
    let lines = on_pool!(
        2,
        captured(async {
            let context = ada();
            let scheduler = context.scheduler();
            let suspended = Gate::new();
            let spawned = info_span!("spawner").in_scope(|| {
                let (local, suspended) = (logs_on_drop("suspended"), suspended.clone());
                scheduler.spawn(async move {
                    let _local = local;
                    suspended.open();
                    pending::<()>().await;
                })
            });
            suspended.opened().await;
            spawned.abort();
            assert!(spawned.await.unwrap_err().is_cancelled());
        })
    );
    assert_eq!(lines, ["spawner: suspended dropped, and sees ada"]);
}

#[test]
fn work_that_had_no_turn_is_dropped_in_its_span() {
    let lines = on_one_thread!(captured(async {
        let context = ada();
        let scheduler = context.scheduler();
        let (spawned, posted) = info_span!("spawner").in_scope(|| {
            let (local, captured) = (logs_on_drop("spawned"), logs_on_drop("posted"));
            let spawned = scheduler.spawn(async move {
                let _local = local;
            });
            (spawned, scheduler.post(move |_| drop(captured)))
        });
        context.cancel();
        assert!(spawned.await.unwrap_err().is_cancelled());
        assert!(posted.await.unwrap_err().is_cancelled());
    }));
    assert_eq!(
        lines,
        [
            "spawner: spawned dropped, and sees ada",
            "spawner: posted dropped, and sees ada"
        ]
    );
}

#[test]
fn between_its_turns_the_span_of_work_is_not_current_on_the_thread() {
    let lines = on_one_thread!(captured(async {
        let context = ada();
        let scheduler = context.scheduler();
        let (suspended, resume) = (Gate::new(), Gate::new());
        let spawned = info_span!("spawner").in_scope(|| {
            let (suspended, resume) = (suspended.clone(), resume.clone());
            scheduler.spawn(async move {
                info!("suspends");
                suspended.open();
                resume.opened().await;
                info!("resumes");
            })
        });
        let between = tokio::spawn(async move {
            suspended.opened().await;
            let is_none = Span::current().is_none();
            resume.open();
            is_none
        });
        assert!(between.await.unwrap());
        spawned.await.unwrap();
    }));
    assert_eq!(lines, ["spawner: suspends", "spawner: resumes"]);
}

#[test]
fn work_whose_turns_alternate_keeps_its_own_span() {
    let lines = on_one_thread!(captured(async {
        let context = ada();
        let scheduler = context.scheduler();
        let spans = [info_span!("left"), info_span!("right")];
        let spawned = spans.map(|span| span.in_scope(|| scheduler.spawn(two_turns())));
        for handle in spawned {
            handle.await.unwrap();
        }
    }));
    assert_eq!(
        lines,
        [
            "left: ada before",
            "right: ada before",
            "left: ada after",
            "left > own: within",
            "right: ada after",
            "right > own: within",
        ]
    );
}

#[test]
fn work_that_was_spawned_in_no_span_has_none() {
    on_pool!(1, async {
        // For the subscriber.
        captured(async {}).await;
        let context = ada();
        let spawned = context.scheduler().spawn(async {
            suspend().await;
            Span::current().is_none()
        });
        assert!(spawned.await.unwrap());
    });
}

#[test]
fn detached_work_has_no_span_as_with_tokio() {
    on_pool!(
        1,
        captured(async {
            let detached = info_span!("caller")
                .in_scope(|| spawn_detached(async { Span::current().is_none() }));
            assert!(detached.await.unwrap());
        })
    );
}

/// Has every turn in a span of its own.
struct Spanned;

impl TurnHook<Request> for Spanned {
    type Before = EnteredSpan;

    fn enter(&self, _: &Request) -> EnteredSpan {
        info_span!("turn").entered()
    }

    fn leave(&self, _: &Request, before: EnteredSpan) {
        drop(before);
    }
}

#[test]
fn a_span_that_a_hook_enters_does_not_come_between_work_and_its_spawner() {
    let lines = on_pool!(
        2,
        captured(async {
            let builder = RequestContext::builder().around_turn(Spanned);
            let context = builder.build(Request::of("ada")).unwrap();
            let scheduler = context.scheduler();
            let spawned = info_span!("spawner").in_scope(|| scheduler.spawn(two_turns()));
            spawned.await.unwrap();
        })
    );
    assert_eq!(lines, two_turns_in("spawner"));
}

/// Panics when a span is entered, once it is told to.
struct Panics(Arc<AtomicBool>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Panics {
    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        if self.0.swap(false, Ordering::Relaxed) {
            panic!("no span today");
        }
    }
}

#[test]
fn work_is_dropped_on_its_context_although_the_subscriber_panics() {
    on_one_thread!(async {
        let panics = Arc::new(AtomicBool::new(false));
        let subscriber = tracing_subscriber::registry().with(Panics(panics.clone()));
        let _here = tracing::subscriber::set_default(subscriber);
        let context = ada();
        let (suspended, dropped) = (Gate::new(), Gate::new());
        let spawned = info_span!("spawner").in_scope(|| {
            let (suspended, dropped) = (suspended.clone(), dropped.clone());
            let local = OnDrop::new(move || {
                assert_eq!(seen(), "ada");
                dropped.open();
            });
            context.scheduler().spawn(async move {
                let _local = local;
                suspended.open();
                pending::<()>().await;
            })
        });
        suspended.opened().await;
        panics.store(true, Ordering::Relaxed);
        spawned.abort();
        assert!(spawned.await.is_err());
        assert!(dropped.is_open());
        let panicked = context.idle().await.unwrap_err();
        assert!(panicked.messages().eq(["no span today"]));
    });
}
