//! Posted closures: a pair each, one half of which the queue has and the other one the handle.
//!
//! Why not an item, as for what is spawned: a closure never suspends and nothing wakes it, so that most of such
//! an item would be there for nothing. With `async-task`, a post cost twice as much (`benches/queue.rs`).

use std::{
    marker::PhantomData,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
};

use crate::{
    JoinHandle,
    context::{Header, Inner},
    driver::enqueue_post,
    exclusive::Scope,
    joined::{Failed, Joined, Outcome, Output, Unclaimed},
    outstanding::{Payload, contained, discard},
    task::Fate,
    trusted::{self, Job, Queued, pair},
};

/// A closure that is queued.
struct Posted<S, F> {
    closure: F,
    scope: Scope,
    state: PhantomData<fn(&S)>,
}

impl<S, F, R> Job for Posted<S, F>
where
    S: 'static,
    F: FnOnce(&S) -> R + Send + 'static,
    R: Send + 'static,
{
    type Shared = Joined<R>;

    fn scope(&self) -> Scope {
        self.scope
    }

    #[inline]
    fn end(self, joined: &Joined<R>, alone: bool, context: &Header, fate: Fate) -> Option<Waker> {
        let is_to_run = fate == Fate::Run && !joined.is_aborted();
        let outcome = match is_to_run {
            true => call(context, self.closure),
            false => abandon(context, self.closure),
        };
        match alone {
            true => None,
            false => joined.finish(outcome),
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
    let posted = || Posted {
        closure,
        scope,
        state: PhantomData::<fn(&S)>,
    };
    let (queued, awaited) = pair(Joined::new, posted);
    match enqueue_post(header, || queued) {
        Ok(()) => JoinHandle::of_posted(header, awaited),
        Err(refused) => JoinHandle::of_refused(header.id, refused),
    }
}

/// Has a closure its turn: it is called, or dropped if its context was cancelled.
#[inline]
pub(crate) fn run(job: Queued, context: &Header) {
    let fate = match context.is_cancelled() {
        false => Fate::Run,
        true => Fate::Drop,
    };
    end(job, context, fate);
}

/// Drops a closure. The caller is on the context, or there is no way there.
pub(crate) fn cancel(job: Queued, context: &Header) {
    end(job, context, Fate::Drop);
}

#[inline]
fn end(job: Queued, context: &Header, fate: Fate) {
    if let Some(waker) = job.end(context, fate) {
        contained(|| waker.wake());
    }
}
