//! Posted closures: one allocation each, one half of which the queue has and the other one the handle.
//!
//! Why not `async-task`, as for what is spawned: a closure never suspends and nothing wakes it, so that most
//! of such a task would be there for nothing. Posts cost half of what they did (`benches/queue.rs`).

use std::{
    marker::PhantomData,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use crate::{
    JoinHandle,
    context::{Header, Inner},
    driver::enqueue,
    exclusive::Scope,
    outstanding::{Payload, contained, discard},
    sync::lock,
    task::{Failed, Outcome, Output, Runnable, Unclaimed},
    trusted,
};

/// What the queue has of a closure.
pub(crate) trait Job: Send + Sync {
    /// Its place in the exclusive work of its context.
    fn scope(&self) -> Scope;
    /// Calls it, unless it was aborted.
    fn run(self: Arc<Self>, context: &Header);
    /// Drops it; on the context, if the caller is there.
    fn cancel(self: Arc<Self>, context: &Header);
}

/// What the handle has of it.
pub(crate) trait Awaited<R>: Send + Sync {
    fn poll_outcome(&self, cx: &mut Context<'_>) -> Poll<Outcome<R>>;
    fn abort(&self);
    fn is_finished(&self) -> bool;
}

struct Posted<S, F, R> {
    shared: Mutex<Shared<F, R>>,
    state: PhantomData<fn(&S)>,
}

struct Shared<F, R> {
    stage: Stage<F, R>,
    /// Of who awaits the handle.
    waker: Option<Waker>,
}

enum Stage<F, R> {
    Queued {
        closure: F,
        scope: Scope,
    },
    Aborted(F),
    Begun,
    Ended(Outcome<R>),
    /// By the handle.
    Taken,
}

impl<S, F, R> Posted<S, F, R> {
    fn new(closure: F, scope: Scope) -> Self {
        Posted {
            shared: Mutex::new(Shared {
                stage: Stage::Queued { closure, scope },
                waker: None,
            }),
            state: PhantomData,
        }
    }

    /// Takes the closure out. With it comes what its outcome is left in, if somebody has the handle.
    fn begin(self: Arc<Self>) -> (Stage<F, R>, Option<Arc<Self>>) {
        match Arc::try_unwrap(self) {
            Ok(posted) => {
                let shared = posted.shared.into_inner();
                (shared.unwrap_or_else(PoisonError::into_inner).stage, None)
            }
            Err(posted) => {
                let stage = mem::replace(&mut lock(&posted.shared).stage, Stage::Begun);
                (stage, Some(posted))
            }
        }
    }

    fn end(&self, outcome: Outcome<R>) {
        let waker = {
            let mut shared = lock(&self.shared);
            shared.stage = Stage::Ended(outcome);
            shared.waker.take()
        };
        if let Some(waker) = waker {
            contained(|| waker.wake());
        }
    }
}

impl<S, F, R> Job for Posted<S, F, R>
where
    S: 'static,
    F: FnOnce(&S) -> R + Send,
    R: Send,
{
    fn scope(&self) -> Scope {
        match lock(&self.shared).stage {
            Stage::Queued { scope, .. } => scope,
            _ => Scope::Ordinary,
        }
    }

    fn run(self: Arc<Self>, context: &Header) {
        let (stage, awaited) = self.begin();
        let outcome = match stage {
            Stage::Queued { closure, .. } if !context.is_cancelled() => call(context, closure),
            Stage::Queued { closure, .. } | Stage::Aborted(closure) => abandon(context, closure),
            Stage::Begun | Stage::Ended(_) | Stage::Taken => unreachable!("it is run once"),
        };
        if let Some(awaited) = awaited {
            awaited.end(outcome);
        }
    }

    #[cold]
    fn cancel(self: Arc<Self>, context: &Header) {
        let (stage, awaited) = self.begin();
        let outcome = abandon(context, stage);
        if let Some(awaited) = awaited {
            awaited.end(outcome);
        }
    }
}

/// Calls `closure`, on its context.
#[inline]
fn call<S: 'static, R>(context: &Header, closure: impl FnOnce(&S) -> R) -> Outcome<R> {
    let mut closure = Some(closure);
    let mut output = None;
    let work = || {
        context.around_turn(|| {
            let call = |state: &S| output = closure.take().map(|closure| closure(state));
            trusted::with_state(call).expect("the state it was posted to");
        });
    };
    let result = catch_unwind(AssertUnwindSafe(work));
    if let Err(payload) = result {
        // A hook may have panicked before the call, or after it.
        discard((closure, output));
        return Err(panicked(context, payload));
    }
    Ok(Output::of(output.expect("called once")))
}

/// Drops what was not called; on its context, if this is there.
#[cold]
fn abandon<R>(context: &Header, closure: impl Sized) -> Outcome<R> {
    let mut closure = Some(closure);
    let mut drop = || mem::drop(closure.take());
    let work = || match trusted::is_visible(context) {
        true => context.around_turn(drop),
        false => drop(),
    };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
        discard(closure);
        mem::drop(panicked(context, payload));
    }
    Err(Failed::Cancelled)
}

#[cold]
fn panicked(context: &Header, payload: Payload) -> Failed {
    Failed::Panicked(Unclaimed::new(context, payload))
}

impl<S, F, R> Awaited<R> for Posted<S, F, R>
where
    F: Send,
    R: Send,
{
    fn poll_outcome(&self, cx: &mut Context<'_>) -> Poll<Outcome<R>> {
        let take = |shared: &mut Shared<F, R>| match mem::replace(&mut shared.stage, Stage::Taken) {
            Stage::Ended(outcome) => Poll::Ready(outcome),
            other => {
                shared.stage = other;
                Poll::Pending
            }
        };
        {
            let mut shared = lock(&self.shared);
            let known = shared.waker.as_ref();
            let known = known.is_some_and(|waker| waker.will_wake(cx.waker()));
            let taken = take(&mut shared);
            if known || taken.is_ready() {
                return taken;
            }
        }
        // Not cloned, nor dropped, under the lock: a waker is foreign code.
        let waker = cx.waker().clone();
        let (taken, _replaced) = {
            let mut shared = lock(&self.shared);
            (take(&mut shared), shared.waker.replace(waker))
        };
        taken
    }

    fn abort(&self) {
        let mut shared = lock(&self.shared);
        shared.stage = match mem::replace(&mut shared.stage, Stage::Begun) {
            Stage::Queued { closure, .. } => Stage::Aborted(closure),
            other => other,
        };
    }

    fn is_finished(&self) -> bool {
        matches!(lock(&self.shared).stage, Stage::Ended(_) | Stage::Taken)
    }
}

/// Posts `closure` to `context`.
pub(crate) fn post<S, F, R>(context: &Inner<S>, closure: F) -> JoinHandle<R>
where
    S: 'static,
    F: FnOnce(&S) -> R + Send + 'static,
    R: Send + 'static,
{
    let header = &context.header;
    #[cfg(feature = "tracing")]
    let closure = crate::span::follow_call(closure);
    if let Err(refused) = header.begin() {
        return JoinHandle::of_refused(header.id, refused);
    }
    let posted = Arc::new(Posted::<S, F, R>::new(closure, header.scope()));
    let job = posted.clone();
    enqueue(header, || Runnable::Posted(job));
    JoinHandle::of_posted(header, posted)
}
