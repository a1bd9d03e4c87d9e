//! What runs spawned work on the tokio pool: the driver of a context's queue, which gives items their
//! turns and ends when there are none; and, where work runs in parallel, a task for each step.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    num::NonZeroUsize,
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
};

use tokio::task::coop;

use crate::{
    context::{Context, Header, Kind, Waiting},
    task::Runnable,
    trusted,
};

/// How many items one poll of the driver runs at most, before other tasks of the runtime get to run,
/// unless a builder says otherwise.
const BUDGET: usize = 64;

/// Queues an item of work, and starts a driver if there is none; where work runs in parallel, starts the
/// item. A runtime that has shut down drops what is started here and now, and the work with it.
pub(crate) fn enqueue(header: &Header, item: Runnable) {
    let owner = || {
        header
            .this
            .upgrade()
            .expect("who queues work owns its context")
    };
    match &header.kind {
        Kind::Serial(runtime) => {
            if header.queue.push(item) {
                drop(runtime.spawn(Driver::new(owner())));
            }
        }
        Kind::Concurrent(runtime) => drop(runtime.spawn(Step::new(owner(), item))),
    }
}

pub(crate) struct Driver {
    context: Arc<dyn Context>,
    batch: VecDeque<Runnable>,
    waiting: Waiting,
    ended: bool,
}

impl Driver {
    pub(crate) fn new(context: Arc<dyn Context>) -> Self {
        Driver {
            context,
            batch: VecDeque::new(),
            waiting: Waiting::default(),
            ended: false,
        }
    }
}

/// The next item that may have a turn. `None` if there is none, and then the queue is without a driver.
fn next(header: &Header, batch: &mut VecDeque<Runnable>) -> Option<Runnable> {
    loop {
        let item = match header.exclusive.next_held_back() {
            Some(item) => item,
            None if batch.is_empty() && !header.queue.refill(batch) => return None,
            None => batch.pop_front()?,
        };
        if header.exclusive.admits(item.scope()) {
            return Some(item);
        }
        header.exclusive.hold_back(item);
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let header = this.context.header();
        let held = ready!(header.poll_turn(cx, &mut this.waiting));
        for _ in 0..header.budget().map_or(BUDGET, NonZeroUsize::get) {
            let Some(item) = next(header, &mut this.batch) else {
                this.ended = true;
                return Poll::Ready(());
            };
            trusted::enter(&held, true, || item.run(header));
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
    /// Ended by a runtime that shuts down, it drops what it would have run, on the context.
    fn drop(&mut self) {
        let header = self.context.header();
        header.leave(&mut self.waiting);
        if !self.ended {
            header.drop_on_context(Abandoned {
                context: self.context.clone(),
                batch: mem::take(&mut self.batch),
            });
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
        let header = self.context.header();
        loop {
            self.batch.clear();
            drop(header.exclusive.take_held_back());
            if !header.queue.refill(&mut self.batch) {
                break;
            }
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
        let header = this.context.header();
        let held = ready!(header.poll_turn(cx, &mut Waiting::default()));
        trusted::enter(&held, true, || {
            this.item.take().map(|item| item.run(header))
        });
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
