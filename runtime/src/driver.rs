//! What runs spawned work on the tokio pool: the driver of a context's queue, which gives items their
//! turns and parks when there are none; and, where work runs in parallel, a task for each step.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    num::NonZeroUsize,
    pin::Pin,
    sync::{Arc, Weak},
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

/// Queues an item of work, and sees to it that there is a driver that runs; where work runs in parallel,
/// starts the item. A runtime that has shut down drops what is started here and now, and the work with it.
pub(crate) fn enqueue(header: &Header, item: Runnable) {
    match &header.kind {
        Kind::Serial(runtime) => match header.queue.push(item) {
            Some(driver) => driver.wake(),
            None => drop(runtime.spawn(Driver::new(header.this.clone()))),
        },
        Kind::Thread(home) => match header.queue.push(item) {
            Some(driver) => driver.wake(),
            None => home.start(Driver::new(header.this.clone())),
        },
        Kind::Concurrent(runtime) => {
            let context = header.this.upgrade();
            let context = context.expect("who queues work owns its context");
            drop(runtime.spawn(Step::new(context, item)));
        }
    }
}

/// Runs the queue of its context. Without items it parks, and keeps nothing of the context alive.
struct Driver {
    context: Weak<dyn Context>,
    batch: VecDeque<Runnable>,
    waiting: Waiting,
}

impl Driver {
    fn new(context: Weak<dyn Context>) -> Self {
        Driver {
            context,
            batch: VecDeque::new(),
            waiting: Waiting::default(),
        }
    }
}

/// The next item that may have a turn. Pending if there is none, and then the driver is parked.
fn poll_next(
    header: &Header,
    cx: &mut task::Context<'_>,
    batch: &mut VecDeque<Runnable>,
) -> Poll<Runnable> {
    loop {
        let item = match header.next_held_back() {
            Some(item) => Some(item),
            None => {
                if batch.is_empty() {
                    ready!(header.queue.poll_refill(cx, batch));
                }
                batch.pop_front()
            }
        };
        if let Some(item) = item {
            if header.admits(item.scope()) {
                return Poll::Ready(item);
            }
            header.rare().exclusive.hold_back(item);
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(context) = this.context.upgrade() else {
            return Poll::Ready(());
        };
        let header = context.header();
        if !header.may_be_entered_here() {
            // The state is gone, and nothing runs any more.
            return Poll::Ready(());
        }
        let held = ready!(header.poll_next_turn(cx, &mut this.waiting));
        for _ in 0..header.budget().map_or(BUDGET, NonZeroUsize::get) {
            let item = ready!(poll_next(header, cx, &mut this.batch));
            let yielded = trusted::enter(&held, true, || item.run(header));
            if let Some(item) = yielded {
                header.queue.push_yielded(item, &mut this.batch);
            }
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
        // Whatever is queued owns the context.
        if let Some(context) = self.context.upgrade() {
            let header = context.header();
            header.leave(&mut self.waiting);
            let abandoned = Abandoned {
                context: context.clone(),
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
        let header = self.context.header();
        loop {
            self.batch.clear();
            drop(header.take_held_back());
            if !header.queue.refill_or_retire(&mut self.batch) {
                break;
            }
        }
    }
}

/// One item of a context whose work runs in parallel.
struct Step {
    context: Arc<dyn Context>,
    item: Option<Runnable>,
}

impl Step {
    fn new(context: Arc<dyn Context>, item: Runnable) -> Self {
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
        let item = this.item.take();
        let yielded = trusted::enter(&held, true, || item.and_then(|item| item.run(header)));
        if let Some(item) = yielded {
            enqueue(header, item);
        }
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
