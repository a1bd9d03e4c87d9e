//! What runs spawned work on the tokio pool: the driver of a context's queue, which gives items their
//! turns and ends when there are none; and, where work runs in parallel, a task for each step.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
};

use tokio::task::coop;

use crate::{
    context::Context,
    task::{Runnable, run},
    trusted,
    waiters::Place,
};

/// How many items one poll of the driver runs at most, before other tasks of the runtime get to run.
const BUDGET: usize = 64;

pub(crate) struct Driver {
    context: Arc<dyn Context>,
    batch: VecDeque<Runnable>,
    place: Option<Place>,
    ended: bool,
}

impl Driver {
    pub(crate) fn new(context: Arc<dyn Context>) -> Self {
        Driver {
            context,
            batch: VecDeque::new(),
            place: None,
            ended: false,
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let header = this.context.header();
        if !header.may_be_entered_here() {
            // The state is gone, and nothing runs any more.
            return Poll::Ready(());
        }
        let held = ready!(header.poll_next_turn(cx, &mut this.place));
        for _ in 0..BUDGET {
            if this.batch.is_empty() && !header.queue.refill(&mut this.batch) {
                this.ended = true;
                return Poll::Ready(());
            }
            let item = this.batch.pop_front();
            trusted::enter(&held, true, || item.map(run));
            // Items share this task's budget; without any left, tokio's resources would only refuse
            // them. And whoever waits for the turn gets a chance at it after each item.
            if !coop::has_budget_remaining() || header.turn.is_called() {
                break;
            }
        }
        drop(held);
        // To the back of the runtime's queue, behind those whom the line above has woken.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Driver {
    /// Ended by a runtime that shuts down, it drops what it would have run, on the context. If that
    /// is bound to another thread, there is no way back to it.
    fn drop(&mut self) {
        let header = self.context.header();
        header.turn.leave(&mut self.place);
        if !self.ended {
            let abandoned = Abandoned {
                context: self.context.clone(),
                batch: mem::take(&mut self.batch),
            };
            if header.may_be_entered_here() {
                header.drop_on_context(abandoned);
            }
        }
    }
}

/// What a dropped driver would have run. The queue counts as driven until all is dropped, so that what
/// the items wake is dropped by this loop, and not within the wake.
struct Abandoned {
    context: Arc<dyn Context>,
    batch: VecDeque<Runnable>,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.batch.clear();
        while self.context.header().queue.refill(&mut self.batch) {
            self.batch.clear();
        }
    }
}

/// One item of a context whose work runs in parallel.
pub(crate) struct Step {
    context: Arc<dyn Context>,
    item: Option<Runnable>,
}

impl Step {
    pub(crate) fn new(context: Arc<dyn Context>, item: Runnable) -> Self {
        Step {
            context,
            item: Some(item),
        }
    }
}

impl Future for Step {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let held = ready!(this.context.header().poll_turn(cx, &mut None));
        trusted::enter(&held, true, || this.item.take().map(run));
        Poll::Ready(())
    }
}

impl Drop for Step {
    /// Ended by a runtime that shuts down, it drops its work on the context.
    fn drop(&mut self) {
        if let Some(item) = self.item.take() {
            self.context.header().drop_on_context(item);
        }
    }
}
