//! `Builder::on_panic`: told once of each panic of spawned or posted work, and of no other.

use std::{
    panic::panic_any,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use request_context::{
    Builder, Fork, RequestContext, Scheduler, TurnHook, context_async, scheduler, spawn_detached,
};
use request_context_tests::{
    Gate, Log, OnDrop, Request, caught, on_one_thread, on_pool, seen, stress_on_pool, suspend,
};

/// A builder whose hook writes down what it is told, and the log.
fn hooked<S: Send + 'static>() -> (Builder<S>, Log) {
    let log = Log::new();
    let told = log.clone();
    let builder = RequestContext::builder().on_panic(move |panic| told.push(panic.message()));
    (builder, log)
}

#[context_async(Request)]
async fn panics_late() {
    suspend().await;
    panic!("late");
}

#[test]
fn the_hook_is_told_on_the_context_and_before_the_handle_resolves() {
    on_pool!(2, async {
        let log = Log::new();
        let told = log.clone();
        let context = RequestContext::builder()
            .name("GET /index")
            .on_panic(move |panic| {
                told.push(format!("{panic:?}"));
                told.push(format!("{:?}", panic.context_name()));
                told.push(format!("{} on {}", panic.context_id(), seen()));
            })
            .build(Request::of("ada"))
            .unwrap();
        let handle = context.scheduler().spawn(panics_late());
        let error = handle.await.unwrap_err();
        let [debug, name, place] = log.take().try_into().unwrap();
        assert!(
            debug.contains("GET /index") && debug.contains("late"),
            "{debug}"
        );
        assert_eq!(name, "Some(\"GET /index\")");
        assert_eq!(place, format!("{} on ada", context.id()));
        assert_eq!(*error.into_panic().downcast_ref::<&str>().unwrap(), "late");
    });
}

#[test]
fn the_payload_is_shown_to_the_hook_and_then_the_handles() {
    on_one_thread!(async {
        let codes = Arc::new(Mutex::new(Vec::new()));
        let told = codes.clone();
        let context = RequestContext::builder()
            .on_panic(move |panic| {
                assert_eq!(panic.message(), "a value that is not a text");
                let code = panic.payload().downcast_ref::<u64>().copied();
                told.lock().unwrap().push(code);
                assert_eq!(panic.context_name(), None);
            })
            .build(())
            .unwrap();
        let handle = context.scheduler().post(|()| panic_any(42_u64));
        assert_eq!(
            handle.await.unwrap_err().into_panic().downcast_ref(),
            Some(&42_u64)
        );
        assert_eq!(*codes.lock().unwrap(), [Some(42)]);
    });
}

#[test]
fn send_11_the_hook_is_not_told_of_a_panic_that_its_caller_sees() {
    on_one_thread!(async {
        let (builder, log) = hooked();
        let context = builder.build(Request::of("ada")).unwrap();
        let scheduler = context.scheduler();
        let sent = caught(|| scheduler.blocking_send(|_| panic!("sent")));
        assert_eq!(sent.message, "sent");
        let own = scheduler.clone();
        let inline = scheduler.post(move |_| caught(|| own.blocking_send(|_| panic!("inline"))));
        assert_eq!(inline.await.unwrap().message, "inline");
        let run = tokio::spawn(context.run(panics_late())).await;
        assert!(run.unwrap_err().is_panic());
        let detached = spawn_detached(async { panic!("detached") });
        assert!(detached.await.map(|(): ()| ()).unwrap_err().is_panic());
        context.idle().await.unwrap();
        assert!(log.is_empty(), "{:?}", log.take());
    });
}

#[test]
fn opc_04_the_errors_of_fire_and_forget_work_come_in_the_order_in_which_it_ended() {
    #[context_async(Request)]
    async fn fails_after(gate: Gate, code: u32) {
        gate.opened().await;
        panic_any(code);
    }

    on_one_thread!(async {
        let codes = Arc::new(Mutex::new(Vec::new()));
        let told = codes.clone();
        let context = RequestContext::builder()
            .on_panic(move |panic| {
                told.lock()
                    .unwrap()
                    .push(*panic.payload().downcast_ref::<u32>().unwrap());
            })
            .build(Request::of("ada"))
            .unwrap();
        let (first, second) = (Gate::new(), Gate::new());
        drop(context.scheduler().spawn(fails_after(first.clone(), 1)));
        drop(context.scheduler().spawn(fails_after(second.clone(), 2)));
        second.open();
        while codes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        first.open();
        let panicked = context.idle().await.unwrap_err();
        assert_eq!(*codes.lock().unwrap(), [2, 1]);
        let payloads = panicked.into_payloads();
        let payloads: Vec<u32> = payloads
            .iter()
            .map(|p| *p.downcast_ref().unwrap())
            .collect();
        assert_eq!(payloads, [2, 1]);
        assert!(format!("{context:?}").contains("count: 0"), "{context:?}");
        context.idle().await.unwrap();
    });
}

#[test]
fn err_07_a_listener_that_panics_is_told_once_and_what_comes_after_is_fine() {
    on_one_thread!(async {
        let (builder, log) = hooked();
        let context = builder.build(Request::of("ada")).unwrap();
        let scheduler = context.scheduler();
        let gate = Gate::new();
        let listened_to = scheduler.spawn(gate.opened());
        let listener = scheduler.spawn(async move {
            listened_to.await.unwrap();
            panic!("the listener");
        });
        gate.open();
        assert!(listener.await.unwrap_err().is_panic());
        let later = scheduler.post(|request| request.user.clone());
        assert_eq!(later.await.unwrap(), "ada");
        context.idle().await.unwrap();
        assert_eq!(log.take(), ["the listener"]);
    });
}

#[test]
fn err_07_a_hook_that_panics_itself_changes_nothing_for_the_work_and_what_comes_after() {
    struct Noisy;
    impl Drop for Noisy {
        fn drop(&mut self) {
            panic!("the payload of the hook's panic");
        }
    }

    on_one_thread!(async {
        let told = Arc::new(AtomicUsize::new(0));
        let counts = told.clone();
        let context = RequestContext::builder()
            .on_panic(move |_| match counts.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("in the hook"),
                _ => panic_any(Noisy),
            })
            .build(Request::of("ada"))
            .unwrap();
        let scheduler = context.scheduler();
        for _ in 0..2 {
            let failed = scheduler.spawn(panics_late());
            let later = scheduler.post(|request| request.user.clone());
            let error = failed.await.unwrap_err();
            assert!(error.to_string().ends_with("panicked: `late`"), "{error}");
            assert_eq!(later.await.unwrap(), "ada");
        }
        assert_eq!(told.load(Ordering::Relaxed), 2, "once for each");
        context.idle().await.unwrap();
    });
}

#[test]
fn work_that_panics_and_panics_again_when_it_is_dropped_is_told_once() {
    on_one_thread!(async {
        let (builder, log) = hooked();
        let context = builder.build(Request::of("ada")).unwrap();
        struct Twice(Option<OnDrop<fn()>>);
        impl Future for Twice {
            type Output = ();
            fn poll(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<()> {
                assert!(self.0.is_some());
                panic!("polled")
            }
        }
        let twice = Twice(Some(OnDrop::new(|| panic!("dropped"))));
        let error = context.scheduler().spawn(twice).await.unwrap_err();
        assert!(error.to_string().contains("polled"), "{error}");
        assert_eq!(log.take(), ["polled"]);

        // Done, and then its drop panics.
        let local = OnDrop::new(|| panic!("captured"));
        let mut local = Some(local);
        let done = std::future::poll_fn(move |_| {
            assert!(local.as_mut().is_some());
            std::task::Poll::Ready(())
        });
        assert!(
            context
                .scheduler()
                .spawn(done)
                .await
                .unwrap_err()
                .is_panic()
        );
        assert_eq!(log.take(), ["captured"]);
        context.idle().await.unwrap();
    });
}

#[test]
fn a_destructor_that_panics_after_an_abort_is_told() {
    on_one_thread!(async {
        let (builder, log) = hooked();
        let context = builder.build(Request::of("ada")).unwrap();
        let gate = Gate::new();
        let opens = gate.clone();
        let handle = context.scheduler().spawn(async move {
            let _local = OnDrop::new(|| panic!("in drop"));
            opens.open();
            std::future::pending::<()>().await
        });
        gate.opened().await;
        handle.abort();
        assert!(handle.await.unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["in drop"]);
        let panicked = context.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["in drop"]);
    });
}

#[test]
fn the_hook_may_put_work_on_the_context_and_use_its_state() {
    on_one_thread!(async {
        let context = RequestContext::builder()
            .on_panic(|_| {
                let scheduler = Scheduler::<Request>::from_current().unwrap();
                scheduler.blocking_send(Request::increment).unwrap();
                drop(scheduler.post(Request::increment));
            })
            .build(Request::of("ada"))
            .unwrap();
        let failed = context.scheduler().post(|_| panic!("posted"));
        context.idle().await.unwrap();
        assert!(failed.await.unwrap_err().is_panic());
        assert_eq!(
            context
                .scheduler()
                .post(|request| request.count.get())
                .await
                .unwrap(),
            2
        );
    });
}

#[test]
fn panics_of_forks_are_told_to_the_same_hook_under_their_own_id() {
    struct State;
    impl Fork for State {
        fn fork(&self) -> Self {
            State
        }
    }

    #[context_async(State)]
    async fn fork_of_each_kind() -> [RequestContext<State>; 2] {
        [
            scheduler!().fork().unwrap(),
            scheduler!().fork_detached().unwrap(),
        ]
    }

    on_one_thread!(async {
        let ids = Arc::new(Mutex::new(Vec::new()));
        let told = ids.clone();
        let context = RequestContext::builder()
            .name("root")
            .on_panic(move |panic| {
                assert_eq!(panic.context_name(), Some("root"));
                told.lock().unwrap().push(panic.context_id());
            })
            .build(State)
            .unwrap();
        let [child, detached] = context.run(fork_of_each_kind()).await;
        for fork in [&child, &detached] {
            assert!(
                fork.scheduler()
                    .post(|_| panic!("forked"))
                    .await
                    .unwrap_err()
                    .is_panic()
            );
        }
        assert_eq!(*ids.lock().unwrap(), [child.id(), detached.id()]);
    });
}

#[test]
fn the_hook_is_told_of_a_turn_hooks_panic_that_ends_work() {
    struct Refuses;
    impl TurnHook<Request> for Refuses {
        type Before = ();
        fn enter(&self, _: &Request) {
            panic!("refused")
        }
        fn leave(&self, _: &Request, (): ()) {}
    }

    on_one_thread!(async {
        let (builder, log) = hooked();
        let context = builder
            .around_turn(Refuses)
            .build(Request::of("ada"))
            .unwrap();
        drop(context.scheduler().spawn(async { unreachable!("refused") }));
        let panicked = context.idle().await.unwrap_err();
        assert_eq!(panicked.messages().collect::<Vec<_>>(), ["refused"]);
        assert_eq!(log.take(), ["refused"]);
    });
}

#[test]
fn every_panic_of_parallel_work_is_told_once() {
    stress_on_pool!(4, async {
        let told = Arc::new(AtomicUsize::new(0));
        let counts = told.clone();
        let context = RequestContext::builder()
            .on_panic(move |_| {
                counts.fetch_add(1, Ordering::Relaxed);
            })
            .build_concurrent(())
            .unwrap();
        for piece in 0..200_u32 {
            drop(context.scheduler().spawn(async move {
                suspend().await;
                // Without the message that `panic!` prints.
                std::panic::resume_unwind(Box::new(piece));
            }));
        }
        let panicked = context.idle().await.unwrap_err();
        assert_eq!(panicked.messages().count(), 200);
        assert_eq!(told.load(Ordering::Relaxed), 200);
    });
}
