//! Eight nested calls, the innermost of which suspends five times. One step is all of it, from the
//! first call to the result, under one root that `run` makes.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    hint::black_box,
    task::Poll,
};

use opentelemetry::{Context, trace::FutureExt};
use request_context::{RequestContext, Work, context, context_async};
use tokio::task::futures::TaskLocalFuture;
use tracing::{Instrument, info_span};

use crate::{
    case::{Case, runtime, timed},
    complete::complete,
};

const SUSPENSIONS: u32 = 5;

type State = Cell<u32>;

pub(crate) fn cases() -> Vec<Case> {
    // Fails if there is one already, which then serves as well.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    vec![
        rooted("plain async fn", plain::first),
        rooted("plain async fn, again (noise)", plain::first),
        rooted("context_async, names nothing", annotated::first),
        rooted("context_async, names it before the await", written::first),
        rooted(
            "context_async, names it before, keeps what it read",
            named::first,
        ),
        rooted("context_async, names it after the await", kept::first),
        rooted("task_local scope per fn", scoped::first),
        rooted("tracing span per fn, with a subscriber", spanned::first),
        rooted("OpenTelemetry with_context per fn", telemetry::first),
        Case::new("plain async fn, boxed dyn, no root", |steps| {
            timed(|| {
                for _ in 0..steps {
                    let boxed: Box<dyn Future<Output = u32> + Send> =
                        Box::new(plain::first(black_box(SUSPENSIONS)));
                    black_box(complete(Box::into_pin(boxed)));
                }
            })
        }),
    ]
}

fn rooted<W>(name: &'static str, first: impl Fn(u32) -> W + 'static) -> Case
where
    W: Work<State, Output = u32> + 'static,
    W::Future: Send + 'static,
{
    let _entered = runtime().enter();
    let context = RequestContext::new(State::new(1));
    Case::new(name, move |steps| {
        timed(|| {
            for _ in 0..steps {
                black_box(complete(context.run(first(black_box(SUSPENSIONS)))));
            }
        })
    })
}

async fn suspend(mut times: u32) -> u32 {
    poll_fn(|_| {
        if times == 0 {
            return Poll::Ready(0);
        }
        times -= 1;
        Poll::Pending
    })
    .await
}

/// Eight fns, each of which awaits the next; the last one suspends.
macro_rules! nest {
    ($module:ident, [$($attribute:tt)*] [$($before:tt)*] [$($after:tt)*]) => {
        mod $module {
            use super::*;

            nest!(
                @ [$($attribute)*] [$($before)*] [$($after)*]
                first second third fourth fifth sixth seventh eighth suspend
            );
        }
    };
    (
        @ [$($attribute:tt)*] [$($before:tt)*] [$($after:tt)*]
        $outer:ident $inner:ident $($rest:ident)*
    ) => {
        $($attribute)*
        pub(super) async fn $outer(suspensions: u32) -> u32 {
            $($before)*
            $inner(suspensions) $($after)*
        }

        nest!(@ [$($attribute)*] [$($before)*] [$($after)*] $inner $($rest)*);
    };
    (@ [$($attribute:tt)*] [$($before:tt)*] [$($after:tt)*] $suspend:ident) => {};
}

nest!(plain, [] [] [.await + 1]);
nest!(annotated, [#[context_async(State)]] [] [.await + 1]);
nest!(written, [#[context_async(State)]] [context!().set(1);] [.await + 1]);
nest!(named, [#[context_async(State)]] [let one = context!().get();] [.await + one]);
nest!(kept, [#[context_async(State)]] [] [.await + context!().get()]);
nest!(scoped, [] [] [.scoped().await + 1]);
nest!(spanned, [] [] [.instrument(info_span!("level")).await + 1]);
nest!(telemetry, [] [] [.with_context(Context::current()).await + 1]);

tokio::task_local!(static LEVEL: u32);

trait Scoped: Future + Sized {
    fn scoped(self) -> TaskLocalFuture<u32, Self> {
        LEVEL.scope(1, self)
    }
}

impl<F: Future> Scoped for F {}
