//! A scheduler kept in a closure is what others call a snapshot: it leads back to where it was taken.

use std::sync::{Arc, Mutex};

use request_context::{RequestContext, Scheduler, context, context_async, scheduler};
use request_context_tests::{Log, Request, on_one_thread, on_pool, seen};

type Wrapped<T> = Box<dyn Fn() -> T + Send>;

/// `call`, on the context on which this is called, wherever the result is.
#[context_async(Request)]
async fn wrap<T: Send + 'static>(call: impl Fn() -> T + Send + 'static) -> Wrapped<T> {
    let scheduler = scheduler!();
    Box::new(move || scheduler.blocking_send(|_| call()).unwrap())
}

fn request_of(user: &str) -> RequestContext<Request> {
    RequestContext::new(Request::of(user))
}

#[test]
fn snap_01_closures_wrapped_under_two_contexts_each_see_their_own_in_any_order() {
    on_one_thread!(async {
        let first = request_of("1").run(wrap(seen)).await;
        let second = request_of("2").run(wrap(seen)).await;
        assert_eq!([first(), second(), first(), second()], ["1", "2", "1", "2"]);
        assert_eq!(seen(), "never");
    });
}

#[test]
fn snap_03_another_context_may_be_entered_within_a_wrapped_closure_and_is_left_again() {
    fn number() -> Option<u32> {
        request_context::try_with(|number: &u32| *number).ok()
    }

    #[context_async(Request)]
    async fn calls(wrapped: Wrapped<Vec<String>>) -> Vec<String> {
        // Called here, it sees what was there when it was wrapped.
        assert_eq!(context!().user, "caller");
        wrapped()
    }

    on_one_thread!(async {
        let numbers = RequestContext::new(2_u32).scheduler();
        let wrapped = request_of("1").run(wrap(move || {
            let looks = || format!("{} {:?}", seen(), number());
            let before = looks();
            let (inside, user_inside) = numbers.blocking_send(|_| (number(), seen())).unwrap();
            assert!(user_inside.contains("has state"), "{user_inside}");
            vec![before, format!("{inside:?}"), looks()]
        }));
        let wrapped = wrapped.await;
        let saw = request_of("caller").run(calls(wrapped)).await;
        assert_eq!(saw, ["1 None", "Some(2)", "1 None"]);
        assert_eq!(number(), None);
    });
}

#[test]
fn snap_04_a_snapshot_taken_in_one_context_and_called_in_another_is_of_the_first() {
    #[context_async(Request)]
    async fn calls(snapshot: Wrapped<String>) -> [String; 2] {
        [snapshot(), context!().user.clone()]
    }

    on_pool!(2, async {
        let snapshot = request_of("123").run(wrap(seen)).await;
        let saw = request_of("321").run(calls(snapshot)).await;
        assert_eq!(saw, ["123", "321"]);
    });
}

/// A queue of the old kind: whoever comes first calls what all have left.
#[derive(Clone, Default)]
struct Deferred(Arc<Mutex<Vec<Wrapped<()>>>>);

impl Deferred {
    fn defer(&self, callback: Wrapped<()>) {
        self.0.lock().unwrap().push(callback);
    }

    fn flush(&self) {
        let all = std::mem::take(&mut *self.0.lock().unwrap());
        all.iter().for_each(|callback| callback());
    }
}

#[test]
fn snap_05_of_the_callbacks_in_a_legacy_queue_those_that_were_wrapped_see_their_own_context() {
    fn logs(log: &Log) -> impl Fn() + Send + 'static {
        let log = log.clone();
        move || log.push(seen())
    }

    #[context_async(Request)]
    async fn defers(queue: Deferred, log: Log) {
        queue.defer(Box::new(logs(&log)));
    }

    #[context_async(Request)]
    async fn defers_wrapped(queue: Deferred, log: Log) {
        queue.defer(wrap(logs(&log)).await);
    }

    #[context_async(Request)]
    async fn flushes(queue: Deferred) {
        queue.flush();
        assert_eq!(seen(), context!().user);
    }

    on_one_thread!(async {
        let [a, b, c] = ["a", "b", "c"].map(request_of);
        let (queue, log) = (Deferred::default(), Log::new());
        a.run(defers(queue.clone(), log.clone())).await;
        b.run(defers(queue.clone(), log.clone())).await;
        c.run(defers_wrapped(queue.clone(), log.clone())).await;
        a.run(flushes(queue)).await;
        assert_eq!(log.take(), ["a", "a", "c"]);
    });
}

#[test]
fn snap_05_a_queue_that_knows_contexts_keeps_one_for_each_callback() {
    /// What a posted closure is: its context, and what to do there.
    struct Aware(Scheduler<Request>, Wrapped<()>);

    #[context_async(Request)]
    async fn flushes(queue: Vec<Aware>) {
        for Aware(scheduler, callback) in queue {
            drop(scheduler.post(move |_| callback()));
        }
    }

    on_one_thread!(async {
        let contexts = ["a", "b", "c"].map(request_of);
        let log = Log::new();
        let queue = contexts.iter().map(|context| {
            let log = log.clone();
            Aware(context.scheduler(), Box::new(move || log.push(seen())))
        });
        let queue = queue.collect();
        contexts[0].run(flushes(queue)).await;
        for context in &contexts {
            context.idle().await.unwrap();
        }
        assert_eq!(log.take(), ["a", "b", "c"]);
    });
}
