//! `Fork`: child contexts run in parallel with a state of their own, and their work counts for all they
//! were forked from.

use std::{
    cell::{Cell, OnceCell, RefCell},
    future::pending,
    sync::{
        Arc, Barrier, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use request_context::{
    Fork, ForkError, JoinHandle, RequestContext, Scheduler, SendError, context, context_async,
    context_block, scheduler, spawn_blocking_detached, try_with,
};
use request_context_tests::{
    Gate, Log, OnDrop, Overlap, caught, on_one_thread, on_pool, poll_once, stress_on_pool, suspend,
};

/// A state that inherits its user, shares its log, and starts with notes of its own.
struct Request {
    user: RefCell<String>,
    shared: Log,
    notes: RefCell<String>,
    /// Whether the state is still there.
    alive: Arc<()>,
    first: OnceCell<usize>,
}

impl Request {
    fn of(user: &str) -> Self {
        Request {
            user: RefCell::new(user.to_owned()),
            shared: Log::new(),
            notes: RefCell::default(),
            alive: Arc::new(()),
            first: OnceCell::new(),
        }
    }

    fn user(&self) -> String {
        self.user.borrow().clone()
    }

    fn notes(&self) -> String {
        self.notes.borrow().clone()
    }

    fn weak(&self) -> Weak<()> {
        Arc::downgrade(&self.alive)
    }
}

impl Fork for Request {
    fn fork(&self) -> Self {
        Request {
            shared: self.shared.clone(),
            ..Request::of(&self.user.borrow())
        }
    }
}

type Child = RequestContext<Request>;

#[context_async(Request)]
async fn forks() -> Result<Child, ForkError> {
    scheduler!().fork()
}

#[context_async(Request)]
async fn forks_detached() -> Result<Child, ForkError> {
    scheduler!().fork_detached()
}

async fn child_of(parent: &Child) -> Child {
    parent.run(forks()).await.unwrap()
}

/// The user of the context that is visible here.
fn current_user() -> Option<String> {
    try_with(Request::user).ok()
}

fn set_user(request: &Request, user: &str) {
    user.clone_into(&mut request.user.borrow_mut());
}

fn alive(context: &Child) -> Weak<()> {
    context.scheduler().blocking_send(Request::weak).unwrap()
}

/// Lets what was woken run, and a driver end, which holds its context until then.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[context_async(Request)]
async fn waits(gate: Gate) -> String {
    gate.opened().await;
    context!().user()
}

// ------------------------------------------------------------ what is inherited

#[test]
fn str_01_a_value_is_inherited_by_forks_and_theirs_and_a_new_one_stays_in_its_branch() {
    on_pool!(2, async {
        let parent = RequestContext::new(Request::of("x"));
        let child = child_of(&parent).await;
        assert_eq!(child.run(async { current_user() }).await.unwrap(), "x");
        let inner = child_of(&child).await;
        let set = inner.scheduler().post(|inner| set_user(inner, "y"));
        set.await.unwrap();
        let grandchild = child_of(&inner).await;
        assert_eq!(grandchild.run(async { current_user() }).await.unwrap(), "y");
        assert_eq!(child.run(async { current_user() }).await.unwrap(), "x");
        assert_eq!(parent.run(async { current_user() }).await.unwrap(), "x");
    });
}

#[test]
fn str_05_and_flow_25_a_fork_has_the_value_of_when_it_was_made_and_its_writes_stay_there() {
    on_pool!(2, async {
        let parent = RequestContext::new(Request::of("bound"));
        let child = child_of(&parent).await;
        let scheduler = parent.scheduler();
        scheduler
            .post(|parent| set_user(parent, "later"))
            .await
            .unwrap();
        let gate = Gate::new();
        let outlives = child.scheduler().spawn(waits(gate.clone()));
        drop((parent, scheduler));
        gate.open();
        assert_eq!(outlives.await.unwrap(), "bound");

        let sibling = child_of(&child).await;
        sibling
            .scheduler()
            .post(|own| set_user(own, "own"))
            .await
            .unwrap();
        assert_eq!(child.run(async { current_user() }).await.unwrap(), "bound");
    });
}

#[test]
fn flow_08_parallel_forks_start_with_the_parents_value_and_never_see_each_others() {
    #[context_async(Request)]
    async fn sets(own: &'static str) -> (String, String) {
        let before = context!().user();
        set_user(&context!(), own);
        for _ in 0..5 {
            suspend().await;
        }
        (before, context!().user())
    }

    #[context_async(Request)]
    async fn both() -> String {
        let (left, right) = (scheduler!().fork().unwrap(), scheduler!().fork().unwrap());
        let (first, second) = tokio::try_join!(
            left.scheduler().spawn(sets("left")),
            right.scheduler().spawn(sets("right")),
        )
        .unwrap();
        assert_eq!(first, ("parent".into(), "left".into()));
        assert_eq!(second, ("parent".into(), "right".into()));
        // In place, in the same task, as well.
        let joined = futures::future::join(left.run(sets("again")), right.run(sets("too"))).await;
        assert_eq!(joined.0, ("left".into(), "again".into()));
        assert_eq!(joined.1, ("right".into(), "too".into()));
        context!().user()
    }

    on_pool!(2, async {
        let parent = RequestContext::new(Request::of("parent"));
        assert_eq!(parent.run(both()).await, "parent");
    });
}

#[test]
fn flow_18_a_fork_within_a_fork_goes_back_to_each_value_and_a_stranger_sees_none() {
    #[context_async(Request)]
    async fn outer() -> Vec<Option<String>> {
        let inner = scheduler!().fork().unwrap();
        inner
            .scheduler()
            .post(|inner| set_user(inner, "42"))
            .await
            .unwrap();
        let mut seen = vec![current_user()];
        seen.push(inner.run(async { current_user() }).await);
        seen.push(current_user());
        let child = inner.run(forks()).await.unwrap();
        child
            .scheduler()
            .post(|child| set_user(child, "53"))
            .await
            .unwrap();
        seen.push(child.run(async { current_user() }).await);
        seen.push(current_user());
        seen.push(tokio::spawn(async { current_user() }).await.unwrap());
        seen
    }

    on_pool!(2, async {
        let seen = RequestContext::new(Request::of("1")).run(outer()).await;
        let seen: Vec<_> = seen.iter().map(Option::as_deref).collect();
        let [one, inner, child] = [Some("1"), Some("42"), Some("53")];
        assert_eq!(seen, [one, inner, one, child, one, None]);
    });
}

#[test]
fn flow_27_four_works_on_one_fork_write_there_and_the_parent_sees_nothing() {
    #[context_async(Request)]
    async fn appends() {
        context!().notes.borrow_mut().push('1');
        suspend().await;
    }

    on_pool!(4, async {
        let parent = RequestContext::new(Request::of("ada"));
        let child = child_of(&parent).await;
        let works = [(); 4].map(|()| child.scheduler().spawn(appends()));
        futures::future::try_join_all(works).await.unwrap();
        assert_eq!(
            child.scheduler().post(Request::notes).await.unwrap(),
            "1111"
        );
        assert_eq!(parent.scheduler().post(Request::notes).await.unwrap(), "");
    });
}

#[test]
fn flow_36_a_detached_fork_outlives_its_request_and_its_value_ends_with_it() {
    on_one_thread!(async {
        let request = RequestContext::new(Request::of("ada"));
        let fork = request.run(forks_detached()).await.unwrap();
        let (of_request, of_fork) = (alive(&request), alive(&fork));
        let gate = Gate::new();
        let outlives = fork.scheduler().spawn(waits(gate.clone()));
        drop(fork);
        request.close();
        request.cancel();
        request.idle().await.unwrap();
        drop(request);
        settle().await;
        assert_eq!(of_request.strong_count(), 0);
        assert_eq!(of_fork.strong_count(), 1);
        gate.open();
        assert_eq!(outlives.await.unwrap(), "ada");
        settle().await;
        assert_eq!(of_fork.strong_count(), 0);
    });
}

#[test]
fn flow_49_a_fork_shares_what_its_state_shares_and_is_the_current_one_in_all_its_continuations() {
    #[context_async(Request)]
    async fn visits() -> Scheduler<Request> {
        context!().shared.push(context!().notes());
        context!().notes.borrow_mut().push_str("local");
        suspend().await;
        assert_eq!(Scheduler::from_current().unwrap(), scheduler!());
        assert!(
            spawn_blocking_detached(current_user)
                .await
                .unwrap()
                .is_none()
        );
        assert_eq!(Scheduler::from_current().unwrap(), scheduler!());
        scheduler!()
    }

    on_pool!(2, async {
        let hooked = Log::new();
        let hook = hooked.clone();
        let root = RequestContext::builder()
            .on_panic(move |panic| hook.push(format!("{} {}", panic.context_id(), panic.message())))
            .build(Request::of("ada"))
            .unwrap();
        root.run(visits()).await;
        let fork = child_of(&child_of(&root).await).await;
        assert_eq!(fork.run(visits()).await.id(), fork.id());
        let shared = root
            .run(context_block!(Request, async { context!().shared.clone() }))
            .await;
        assert_eq!(shared.take(), ["", ""], "the log, and no notes");
        drop(fork.scheduler().post(|_| panic!("in the fork")));
        let panicked = root.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["in the fork"]);
        assert_eq!(hooked.take(), [format!("{} in the fork", fork.id())]);
    });
}

#[test]
fn flow_50_one_fork_is_exclusive_and_its_value_is_initialised_once_though_forks_are_parallel() {
    stress_on_pool!(4, async {
        let parent = RequestContext::new(Request::of("ada"));
        let forks = [child_of(&parent).await, child_of(&parent).await];
        let made = Arc::new(AtomicUsize::new(0));
        for fork in &forks {
            let scheduler = fork.scheduler();
            let (all, inside) = (Arc::new(Barrier::new(10)), Arc::new(Overlap::default()));
            let threads: Vec<_> = (0..10)
                .map(|_| {
                    let (scheduler, made) = (scheduler.clone(), made.clone());
                    let (all, inside) = (all.clone(), inside.clone());
                    thread::spawn(move || {
                        all.wait();
                        scheduler.post(move |request| {
                            inside.linger();
                            *request
                                .first
                                .get_or_init(|| made.fetch_add(1, Ordering::Relaxed))
                        })
                    })
                })
                .collect();
            let values = threads.into_iter().map(|thread| thread.join().unwrap());
            let values = futures::future::try_join_all(values).await.unwrap();
            assert_eq!(values, [values[0]; 10]);
            assert_eq!(inside.most(), 1);
        }
        assert_eq!(made.load(Ordering::Relaxed), 2, "one for each");
    });
}

#[test]
fn forks_and_their_parent_hold_their_turns_at_once() {
    on_pool!(4, async {
        let parent = RequestContext::new(Request::of("ada"));
        let children = [child_of(&parent).await, child_of(&parent).await];
        let all = Arc::new(Barrier::new(3));
        let meets = |context: &Child| {
            let all = all.clone();
            context.scheduler().post(move |_| all.wait().is_leader())
        };
        let met = [meets(&parent), meets(&children[0]), meets(&children[1])];
        futures::future::try_join_all(met).await.unwrap();
    });
}

// ------------------------------------------------------------ when it can be forked

#[test]
fn str_03_a_fork_needs_a_thread_that_is_in_an_open_context() {
    on_pool!(2, async {
        let parent = RequestContext::new(Request::of("ada"));
        let (scheduler, id) = (parent.scheduler(), parent.id());
        let outside = scheduler.fork().unwrap_err();
        assert_eq!(outside, ForkError::NotOnContext(id));
        assert!(
            outside.to_string().contains("by code that runs on it"),
            "{outside}"
        );
        assert_eq!(scheduler.fork_detached().unwrap_err(), outside);
        let elsewhere = scheduler.clone();
        let other = thread::spawn(move || elsewhere.fork().map(|_| ()));
        assert_eq!(other.join().unwrap(), Err(outside));

        // Idle is no end: there may be more work.
        parent.idle().await.unwrap();
        child_of(&parent).await;

        parent.close();
        let closed = parent.run(forks()).await.unwrap_err();
        assert_eq!(closed, ForkError::Closed(id));
        assert!(closed.to_string().contains("closed"), "{closed}");
        assert_eq!(parent.run(forks_detached()).await.unwrap_err(), closed);
        parent.cancel();
        let cancelled = parent.run(forks()).await.unwrap_err();
        assert_eq!(cancelled, ForkError::Cancelled(id));
        assert!(cancelled.to_string().contains("cancelled"), "{cancelled}");
    });
}

#[test]
fn str_03_work_for_a_fork_whose_parent_is_closed_or_cancelled_never_runs() {
    on_one_thread!(async {
        for cancel in [false, true] {
            let parent = RequestContext::new(Request::of("ada"));
            let child = child_of(&parent).await;
            let grandchild = child_of(&child).await;
            match cancel {
                true => parent.cancel(),
                false => parent.close(),
            }
            for context in [&child, &grandchild] {
                let handle = context.scheduler().post(|_| unreachable!("never run"));
                let error: request_context::JoinError = handle.await.map(|(): ()| ()).unwrap_err();
                assert_eq!(error.is_cancelled(), cancel);
                assert_eq!(error.is_closed(), !cancel);
                assert_eq!(error.context_id(), Some(context.id()));
            }
            parent.idle().await.unwrap();
        }
    });
}

#[test]
fn a_fork_of_a_closed_parent_is_closed_in_every_way_and_stays_so() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        let child = child_of(&parent).await;
        let grandchild = child_of(&child).await;
        let detached = parent.run(forks_detached()).await.unwrap();
        parent.close();
        let check = |when| {
            for context in [&child, &grandchild] {
                assert!(context.is_closed(), "{when}");
                let sent = context.scheduler().blocking_send(|_| ());
                assert_eq!(sent, Err(SendError::Closed(context.id())), "{when}");
                assert!(context.scheduler().post(|_| ()).is_finished(), "{when}");
            }
        };
        check("the parent is there");
        drop(parent);
        settle().await;
        check("the parent is gone");
        assert!(!detached.is_closed());
    });
}

#[test]
fn a_parent_that_is_closed_or_cancelled_while_it_is_forked_has_a_fork_that_is_so_too() {
    /// Ends the parent from within its `Fork`.
    struct Ends(Mutex<Option<Box<dyn FnOnce() + Send>>>);
    impl Fork for Ends {
        fn fork(&self) -> Self {
            let end = self.0.lock().unwrap().take().unwrap();
            end();
            Ends(Mutex::new(None))
        }
    }

    on_one_thread!(async {
        for cancel in [false, true] {
            let parent = RequestContext::new(Ends(Mutex::new(None)));
            let (own, scheduler) = (parent.clone(), parent.scheduler());
            let end = move || match cancel {
                true => own.cancel(),
                false => own.close(),
            };
            let forked = parent.scheduler().blocking_send(move |state| {
                *state.0.lock().unwrap() = Some(Box::new(end));
                scheduler.fork().unwrap()
            });
            let child = forked.unwrap();
            assert_eq!(child.is_closed(), !cancel);
            let refused = child.scheduler().post(|_| ()).await.unwrap_err();
            assert_eq!(refused.is_cancelled(), cancel);
            parent.idle().await.unwrap();
        }
    });
}

#[test]
fn a_fork_that_is_closed_leaves_its_parent_open() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        let child = child_of(&parent).await;
        let sibling = child_of(&parent).await;
        child.close();
        assert!(child.is_closed() && !parent.is_closed() && !sibling.is_closed());
        parent.scheduler().post(|_| ()).await.unwrap();
        sibling.scheduler().post(|_| ()).await.unwrap();
    });
}

#[test]
fn a_fork_that_panics_is_the_callers_panic_and_leaves_the_parent_as_it_was() {
    struct Unforkable(Cell<bool>);
    impl Fork for Unforkable {
        fn fork(&self) -> Self {
            assert!(!self.0.get(), "no fork");
            Unforkable(Cell::new(true))
        }
    }

    on_one_thread!(async {
        let parent = RequestContext::new(Unforkable(Cell::new(true)));
        let scheduler = parent.scheduler();
        let own = scheduler.clone();
        let forks = scheduler.post(move |_| drop(own.fork()));
        assert!(forks.await.unwrap_err().is_panic());
        let own = scheduler.clone();
        let sent = scheduler.blocking_send(|_| caught(|| own.fork_detached()).message);
        assert_eq!(sent.unwrap(), "no fork");
        parent.idle().await.unwrap();
        let own = scheduler.clone();
        let forked = scheduler.post(move |state| {
            state.0.set(false);
            own.fork().is_ok()
        });
        assert!(forked.await.unwrap());
    });
}

#[test]
fn the_parent_is_visible_while_it_is_forked_also_from_a_part_that_is_detached() {
    struct Looks(&'static str);
    impl Fork for Looks {
        fn fork(&self) -> Self {
            assert_eq!(try_with(|Looks(parent)| *parent), Ok(self.0));
            Looks("child")
        }
    }

    #[context_async(Looks)]
    async fn forks_off() -> RequestContext<Looks> {
        let scheduler = scheduler!();
        #[request_context::detached]
        let child = {
            assert!(try_with(|Looks(_)| ()).is_err());
            let child = scheduler.fork().unwrap();
            assert!(try_with(|Looks(_)| ()).is_err());
            child
        };
        child
    }

    on_one_thread!(async {
        let child = RequestContext::new(Looks("parent")).run(forks_off()).await;
        let seen = child.run(async { try_with(|Looks(name)| *name) }).await;
        assert_eq!(seen, Ok("child"));
    });
}

#[test]
fn forks_of_a_concurrent_context_are_concurrent() {
    struct Shared(AtomicUsize);
    impl Fork for Shared {
        fn fork(&self) -> Self {
            Shared(AtomicUsize::new(self.0.load(Ordering::Relaxed)))
        }
    }

    on_pool!(2, async {
        let parent = RequestContext::concurrent(Shared(AtomicUsize::new(7)));
        // Its state is `Sync`, and so may be read from here.
        let child = parent.scheduler().fork().unwrap();
        let both = Arc::new(Barrier::new(2));
        let meets = || {
            let both = both.clone();
            child.scheduler().post(move |state| {
                both.wait();
                state.0.fetch_add(1, Ordering::Relaxed)
            })
        };
        let (one, two) = (meets(), meets());
        assert_eq!(one.await.unwrap() + two.await.unwrap(), 7 + 8);
        parent.idle().await.unwrap();
    });
}

// ------------------------------------------------------------ idle

#[test]
fn str_04_idle_is_ready_without_forks_waits_for_theirs_and_may_be_awaited_again() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        parent.idle().await.unwrap();
        let child = child_of(&parent).await;
        parent.idle().await.unwrap();
        let gate = Gate::new();
        let work = child_of(&child)
            .await
            .scheduler()
            .spawn(waits(gate.clone()));
        let mut idle = Box::pin(parent.idle());
        let mut of_child = Box::pin(child.idle());
        settle().await;
        assert!(poll_once(idle.as_mut()).is_pending());
        assert!(poll_once(of_child.as_mut()).is_pending());
        gate.open();
        idle.await.unwrap();
        of_child.await.unwrap();
        assert!(work.is_finished());
        parent.idle().await.unwrap();
    });
}

#[test]
fn idle_does_not_wait_for_detached_forks_nor_report_their_panics() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        let detached = parent.run(forks_detached()).await.unwrap();
        drop(detached.scheduler().post(|_| panic!("on its own")));
        let gate = Gate::new();
        let work = detached.scheduler().spawn(waits(gate.clone()));
        settle().await;
        parent.idle().await.unwrap();
        gate.open();
        work.await.unwrap();
        let panicked = detached.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["on its own"]);
    });
}

#[test]
fn idle_of_a_fork_does_not_wait_for_its_parent_or_siblings() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        let (child, sibling) = (child_of(&parent).await, child_of(&parent).await);
        let gate = Gate::new();
        let works = [&parent, &sibling].map(|at| at.scheduler().spawn(waits(gate.clone())));
        settle().await;
        child.idle().await.unwrap();
        gate.open();
        futures::future::try_join_all(works).await.unwrap();
    });
}

#[test]
fn idle_reports_the_panics_of_forks_in_order_whether_they_are_still_there_or_not() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        let child = child_of(&parent).await;
        let grandchild = child_of(&child).await;
        let gone = child_of(&parent).await;
        for (context, message) in [
            (&grandchild, "first"),
            (&parent, "second"),
            (&gone, "third"),
            (&child, "fourth"),
        ] {
            let failed = context.scheduler().post(move |_| panic!("{message}"));
            settle().await;
            drop(failed);
        }
        drop(gone);
        settle().await;
        let panicked = parent.idle().await.unwrap_err();
        let messages: Vec<_> = panicked.messages().collect();
        assert_eq!(messages, ["first", "second", "third", "fourth"]);
        assert_eq!(panicked.context_id(), parent.id());
        child.idle().await.expect("reported once");
    });
}

#[test]
fn a_panic_that_idle_of_the_fork_has_reported_is_not_reported_again() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        let child = child_of(&parent).await;
        drop(child.scheduler().post(|_| panic!("once")));
        assert_eq!(child.idle().await.unwrap_err().messages().count(), 1);
        parent.idle().await.unwrap();
    });
}

#[test]
fn idle_of_a_parent_that_work_of_a_fork_awaits_panics_and_of_a_detached_one_does_not() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        let child = child_of(&child_of(&parent).await).await;
        let detached = parent.run(forks_detached()).await.unwrap();
        let awaits = |on: &Child| {
            let idle = parent.idle();
            on.scheduler().spawn(async move { idle.await.unwrap() })
        };
        let error = awaits(&child).await.unwrap_err();
        assert!(
            error.to_string().contains("work that it waits for"),
            "{error}"
        );
        awaits(&detached).await.unwrap();
        // What `run` polls is not waited for.
        let idle = parent.idle();
        child.run(async move { idle.await.unwrap() }).await;
    });
}

#[test]
fn a_parents_work_may_wait_for_a_forks_idle() {
    #[context_async(Request)]
    async fn fans_out(gate: Gate) -> u32 {
        let child = scheduler!().fork().unwrap();
        let works = [(); 3].map(|()| child.scheduler().spawn(waits(gate.clone())));
        gate.open();
        child.idle().await.unwrap();
        works.iter().map(|work| u32::from(work.is_finished())).sum()
    }

    on_pool!(2, async {
        let parent = RequestContext::new(Request::of("ada"));
        let work = parent.scheduler().spawn(fans_out(Gate::new()));
        assert_eq!(work.await.unwrap(), 3);
        parent.idle().await.unwrap();
    });
}

// ------------------------------------------------------------ who ends first

#[test]
fn str_02_parents_and_forks_may_end_in_any_order() {
    on_one_thread!(async {
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let parent = RequestContext::new(Request::of("ada"));
            let child = child_of(&parent).await;
            let grandchild = child_of(&child).await;
            let mut all = [Some(parent), Some(child), Some(grandchild)];
            let states = all
                .each_ref()
                .map(|context| alive(context.as_ref().unwrap()));
            for (ended, context) in order.into_iter().enumerate() {
                for context in all.iter().flatten() {
                    let work = context.scheduler().post(|request| request.user());
                    assert_eq!(work.await.unwrap(), "ada");
                    context.idle().await.unwrap();
                }
                all[context] = None;
                settle().await;
                assert_eq!(states[context].strong_count(), 0, "{order:?}, {ended}");
                let left: usize = states.iter().map(Weak::strong_count).sum();
                assert_eq!(left, 2 - ended, "{order:?}, {ended}");
            }
        }
    });
}

#[test]
fn neither_keeps_the_others_state_alive_also_while_it_has_work() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        let child = child_of(&parent).await;
        let (of_parent, of_child) = (alive(&parent), alive(&child));
        let gate = Gate::new();
        let work = child.scheduler().spawn(waits(gate.clone()));
        settle().await;
        drop(parent);
        settle().await;
        assert_eq!(of_parent.strong_count(), 0);
        gate.open();
        assert_eq!(work.await.unwrap(), "ada");
        drop(child);
        settle().await;
        assert_eq!(of_child.strong_count(), 0);

        let parent = RequestContext::new(Request::of("ada"));
        let child = child_of(&parent).await;
        let of_child = alive(&child);
        drop(child);
        settle().await;
        assert_eq!(of_child.strong_count(), 0);
        parent.idle().await.unwrap();
    });
}

#[test]
fn work_of_a_fork_whose_parent_is_gone_counts_for_those_further_up() {
    on_one_thread!(async {
        let grandparent = RequestContext::new(Request::of("ada"));
        let parent = child_of(&grandparent).await;
        let child = child_of(&parent).await;
        let gone = alive(&parent);
        let before = Gate::new();
        let begun_before = child.scheduler().spawn(waits(before.clone()));
        settle().await;
        drop(parent);
        settle().await;
        assert_eq!(gone.strong_count(), 0);

        let after = Gate::new();
        let begun_after = child.scheduler().spawn(waits(after.clone()));
        let mut idle = Box::pin(grandparent.idle());
        settle().await;
        assert!(poll_once(idle.as_mut()).is_pending());
        before.open();
        begun_before.await.unwrap();
        assert!(poll_once(idle.as_mut()).is_pending(), "it waits for both");
        after.open();
        begun_after.await.unwrap();
        idle.await.unwrap();

        // And so does a panic, of a fork that is there or gone; and the close.
        drop(child.scheduler().post(|_| panic!("there")));
        let panicked = grandparent.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["there"]);
        let failed = child.scheduler().post(|_| panic!("gone"));
        settle().await;
        drop(failed);
        let sibling = child_of(&child).await;
        drop(child);
        let panicked = grandparent.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["gone"]);
        grandparent.close();
        assert!(
            sibling
                .scheduler()
                .post(|_| ())
                .await
                .unwrap_err()
                .is_closed()
        );
    });
}

#[test]
fn a_panic_whose_handle_is_dropped_after_its_fork_is_gone_reaches_the_parent() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        let child = child_of(&parent).await;
        let gone = alive(&child);
        let failed = child.scheduler().post(|_| panic!("late"));
        drop(child);
        settle().await;
        assert_eq!(gone.strong_count(), 0);
        parent.idle().await.expect("somebody has it still");
        drop(failed);
        let panicked = parent.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["late"]);
    });
}

#[test]
fn a_cancelled_fork_leaves_no_count_behind() {
    on_one_thread!(async {
        let parent = RequestContext::new(Request::of("ada"));
        for _ in 0..3 {
            let child = child_of(&parent).await;
            let works = [(); 3].map(|()| child.scheduler().spawn(pending::<()>()));
            settle().await;
            child.cancel();
            drop(child);
            parent.idle().await.unwrap();
            assert!(works.iter().all(JoinHandle::is_finished));
        }
    });
}

#[test]
fn a_parent_whose_state_panics_when_it_is_dropped_disturbs_no_fork() {
    struct Noisy(Option<OnDrop<Box<dyn FnOnce() + Send>>>);
    impl Fork for Noisy {
        fn fork(&self) -> Self {
            Noisy(None)
        }
    }

    on_one_thread!(async {
        let parent = RequestContext::new(Noisy(Some(OnDrop::new(Box::new(|| panic!("noisy"))))));
        let own = parent.scheduler();
        let forked = parent.scheduler().blocking_send(move |noisy| {
            let child = own.fork().unwrap();
            assert!(noisy.0.is_some());
            child
        });
        let child = forked.unwrap();
        assert_eq!(caught(|| drop(parent)).message, "noisy");
        let seen = child.scheduler().post(|noisy| noisy.0.is_none()).await;
        assert!(seen.unwrap());
        child.idle().await.unwrap();
    });
}

/// Forks come, work, panic, and go, while their parent waits.
#[test]
fn no_count_and_no_panic_is_lost_when_forks_end_while_their_parent_waits() {
    stress_on_pool!(4, async {
        for _ in 0..300 {
            let parent = RequestContext::new(Request::of("ada"));
            let done = Arc::new(Mutex::new(0));
            for _ in 0..4 {
                let child = child_of(&parent).await;
                let grandchild = child_of(&child).await;
                for context in [&child, &grandchild] {
                    let done = done.clone();
                    drop(context.scheduler().spawn(async move {
                        suspend().await;
                        *done.lock().unwrap() += 1;
                    }));
                }
                drop(grandchild.scheduler().post(|_| panic!("counted")));
            }
            // All owners of forks are gone; their work keeps them until it ends.
            let mut panics = 0;
            if let Err(panicked) = parent.idle().await {
                panics += panicked.messages().count();
            }
            assert_eq!(*done.lock().unwrap(), 8);
            assert_eq!(panics, 4);
        }
    });
}

/// Work that a fork has begun when its parent is closed is waited for, and no other begins.
#[test]
fn what_idle_after_close_has_not_waited_for_never_runs_on_a_fork() {
    #[context_async(Request)]
    async fn forks_and_posts(counter: Arc<AtomicUsize>) -> Vec<JoinHandle<()>> {
        let mut handles = Vec::new();
        while let Ok(child) = scheduler!().fork() {
            handles.push(posts(&child, &counter));
            suspend().await;
        }
        handles
    }

    fn posts(child: &Child, counter: &Arc<AtomicUsize>) -> JoinHandle<()> {
        let counter = counter.clone();
        child.scheduler().post(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        })
    }

    stress_on_pool!(4, async {
        for _ in 0..500 {
            let parent = RequestContext::new(Request::of("ada"));
            let child = child_of(&child_of(&parent).await).await;
            let counter = Arc::new(AtomicUsize::new(0));
            let forking = tokio::spawn(parent.run(forks_and_posts(counter.clone())));
            let posting = tokio::spawn({
                let counter = counter.clone();
                async move {
                    let mut handles = Vec::new();
                    while !child.is_closed() {
                        handles.push(posts(&child, &counter));
                    }
                    handles.push(posts(&child, &counter));
                    handles
                }
            });
            while counter.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
            parent.close();
            parent.idle().await.unwrap();
            let waited_for = counter.load(Ordering::Relaxed);
            let mut ran = 0;
            for handle in forking
                .await
                .unwrap()
                .into_iter()
                .chain(posting.await.unwrap())
            {
                match handle.await {
                    Ok(()) => ran += 1,
                    Err(error) => assert!(error.is_closed(), "{error}"),
                }
            }
            assert_eq!(ran, waited_for);
        }
    });
}

#[test]
fn a_long_line_of_forks_counts_for_those_that_are_left() {
    on_one_thread!(async {
        let first = RequestContext::new(Request::of("ada"));
        let mut last = first.clone();
        for _ in 0..100 {
            last = child_of(&last).await;
        }
        let gate = Gate::new();
        let work = last.scheduler().spawn(waits(gate.clone()));
        let mut idle = Box::pin(first.idle());
        assert!(poll_once(idle.as_mut()).is_pending());
        gate.open();
        idle.await.unwrap();
        assert_eq!(work.await.unwrap(), "ada");
    });
}
