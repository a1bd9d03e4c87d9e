//! Posted closures: one allocation each, one half of which the queue has and the other one the handle.
//!
//! Why not an item, as for what is spawned: a closure never suspends and nothing wakes it, so that most of such
//! an item would be there for nothing. With `async-task`, a post cost twice as much (`benches/queue.rs`).

use std::{
    marker::PhantomData,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, Waker},
};

use crate::{
    JoinHandle,
    context::{Header, Inner},
    driver::enqueue_post,
    exclusive::Scope,
    outstanding::{Payload, contained, discard},
    sync::{Mutex, lock},
    task::{Failed, Fate, Outcome, Output, Unclaimed},
    trusted::{self, Half, halves},
};

/// What the queue has of a closure.
pub(crate) trait Job: Send + Sync {
    /// Its place in the exclusive work of its context.
    fn scope(&self) -> Scope;
    /// Calls it, or drops it, where that is its `Fate`. For a closure whose handle is gone.
    fn end(&mut self, context: &Header, fate: Fate);
    /// The same, and leaves the outcome to the handle.
    fn end_awaited(&self, context: &Header, fate: Fate);
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

    fn end(&mut self, context: &Header, fate: Fate) {
        let shared = match self.shared.get_mut() {
            Ok(shared) => shared,
            Err(poisoned) => poisoned.into_inner(),
        };
        let stage = mem::replace(&mut shared.stage, Stage::Begun);
        drop(outcome(context, fate, stage));
        // The handle's, which is foreign code.
        if let Some(waker) = shared.waker.take() {
            discard(waker);
        }
    }

    fn end_awaited(&self, context: &Header, fate: Fate) {
        let stage = mem::replace(&mut lock(&self.shared).stage, Stage::Begun);
        let outcome = outcome(context, fate, stage);
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

/// Ends what was queued.
#[inline]
fn outcome<S, F, R>(context: &Header, fate: Fate, stage: Stage<F, R>) -> Outcome<R>
where
    S: 'static,
    F: FnOnce(&S) -> R,
{
    match stage {
        Stage::Queued { closure, .. } if fate == Fate::Run => call(context, closure),
        Stage::Queued { closure, .. } | Stage::Aborted(closure) => abandon(context, closure),
        Stage::Begun | Stage::Ended(_) | Stage::Taken => unreachable!("it has one turn"),
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
    if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
        // A hook may have panicked before the call, or after it.
        discard((closure, output));
        return Err(panicked(context, payload));
    }
    Ok(Output::of(output.expect("called once")))
}

/// Drops `closure`, which was not called; on its context, if this is there.
#[cold]
fn abandon<F, R>(context: &Header, closure: F) -> Outcome<R> {
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
            match take(&mut shared) {
                Poll::Pending => (Poll::Pending, shared.waker.replace(waker)),
                taken => (taken, Some(waker)),
            }
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
    let scope = header.scope();
    let [job, awaited] = halves(|| Posted::<S, _, R>::new(closure, scope));
    match enqueue_post(header, || job.into_job()) {
        Ok(()) => JoinHandle::of_posted(header, awaited.into_awaited()),
        Err(refused) => JoinHandle::of_refused(header.id, refused),
    }
}

/// Has a closure its turn: it is called, or dropped if its context was cancelled.
#[inline]
pub(crate) fn run(job: Half<dyn Job>, context: &Header) {
    let fate = match context.is_cancelled() {
        false => Fate::Run,
        true => Fate::Drop,
    };
    end(job, context, fate);
}

/// Drops a closure. The caller is on the context, or there is no way there.
pub(crate) fn cancel(job: Half<dyn Job>, context: &Header) {
    end(job, context, Fate::Drop);
}

#[inline]
fn end(mut job: Half<dyn Job>, context: &Header, fate: Fate) {
    match job.get_mut() {
        Some(job) => job.end(context, fate),
        None => job.end_awaited(context, fate),
    }
}
