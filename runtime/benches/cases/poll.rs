//! One poll of a future that stays pending, alone on its context; and one look at a context.

use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    hint::black_box,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    task::{self, Poll, Waker},
    time::Duration,
};

use opentelemetry::{Context, trace::FutureExt};
use request_context::{RequestContext, context, context_async, try_with};
use tracing::{Instrument, info_span};

use crate::{
    case::{Case, runtime, timed},
    complete::complete,
};

type State = Cell<u32>;

tokio::task_local! {
    static LOCAL: State;
    static SHARED: Arc<Mutex<u32>>;
}

pub(crate) fn polls() -> Vec<Case> {
    // Fails if there is one already, which then serves as well.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let context = new_context();
    vec![
        polled("boxed dyn future", pending::<()>()),
        polled("boxed dyn future, two exchanges", exchanging()),
        polled("run", context.run(pending::<()>())),
        polled("run of a context_async fn", new_context().run(waiting())),
        polled(
            "task_local scope",
            LOCAL.scope(State::new(1), pending::<()>()),
        ),
        polled(
            "tracing span, with a subscriber",
            pending::<()>().instrument(info_span!("waiting")),
        ),
        polled(
            "OpenTelemetry with_context",
            pending::<()>().with_context(telemetry()),
        ),
    ]
}

pub(crate) fn accesses() -> Vec<Case> {
    let context = new_context();
    vec![
        Case::new("task_local get", |steps| {
            LOCAL.sync_scope(State::new(1), || looks(steps, || LOCAL.with(Cell::get)))
        }),
        Case::new("context!()", {
            let context = context.clone();
            move |steps| complete(context.run(named(steps)))
        }),
        Case::new("try_with", move |steps| {
            complete(
                context.run(async move {
                    looks(steps, || try_with::<State, _>(Cell::get).unwrap_or(0))
                }),
            )
        }),
        Case::new("task_local std Mutex", |steps| {
            SHARED.sync_scope(Arc::new(Mutex::new(1)), || {
                looks(steps, || SHARED.with(|shared| *shared.lock().unwrap()))
            })
        }),
        Case::new("OpenTelemetry current", |steps| {
            let _attached = telemetry().attach();
            looks(steps, || {
                Context::map_current(|current| current.get::<Number>().map_or(0, |number| number.0))
            })
        }),
    ]
}

/// What no turn can do without: it is taken and given back.
async fn exchanging() {
    let held = AtomicU8::new(0);
    poll_fn(|_| {
        let held = black_box(&held);
        let taken = held.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed);
        let given = held.compare_exchange(1, 0, Ordering::Release, Ordering::Acquire);
        assert!(taken.is_ok() && given.is_ok());
        Poll::Pending
    })
    .await
}

fn new_context() -> RequestContext<State> {
    let _entered = runtime().enter();
    RequestContext::new(State::new(1))
}

#[derive(Debug)]
struct Number(u32);

fn telemetry() -> Context {
    Context::new().with_value(Number(1))
}

#[context_async(State)]
async fn waiting() {
    context!().set(2);
    pending::<()>().await;
}

#[context_async(State)]
async fn named(steps: u64) -> Duration {
    timed(|| {
        for _ in 0..steps {
            black_box(context!().get());
        }
    })
}

fn looks(steps: u64, look: impl Fn() -> u32) -> Duration {
    timed(|| {
        for _ in 0..steps {
            black_box(look());
        }
    })
}

fn polled(name: &'static str, future: impl Future<Output = ()> + Send + 'static) -> Case {
    let mut future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
    Case::new(name, move |steps| {
        let mut cx = task::Context::from_waker(Waker::noop());
        timed(|| {
            for _ in 0..steps {
                assert!(black_box(&mut future).as_mut().poll(&mut cx).is_pending());
            }
        })
    })
}
