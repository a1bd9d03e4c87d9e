//! The queue of a context: work that is ready for a turn, in the order it came.

use std::{
    collections::VecDeque,
    mem,
    task::{Context, Poll, Waker},
};

use crate::sync::{AtomicBool, Mutex, Ordering, lock};

/// First in, first out. It has one driver, from its first item on, which parks while there are none:
/// whoever pushes onto a queue that has none must start it, and whoever finds it parked must wake it.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    shared: Mutex<Shared<T>>,
    /// Whether there are items. Written under the lock.
    filled: AtomicBool,
}

#[derive(Debug)]
struct Shared<T> {
    items: VecDeque<T>,
    driven: bool,
    parked: Option<Waker>,
}

/// What whoever pushed an item must do for its driver.
#[derive(Debug)]
#[must_use = "items wait for ever without a driver"]
pub(crate) enum Pushed {
    Driven,
    Parked(Waker),
    Undriven,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Queue {
            shared: Mutex::new(Shared {
                items: VecDeque::new(),
                driven: false,
                parked: None,
            }),
            filled: AtomicBool::new(false),
        }
    }

    pub(crate) fn push(&self, item: T) -> Pushed {
        let mut shared = lock(&self.shared);
        shared.items.push_back(item);
        // ORDERING: Relaxed, see `push_yielded`.
        self.filled.store(true, Ordering::Relaxed);
        if !mem::replace(&mut shared.driven, true) {
            Pushed::Undriven
        } else if let Some(driver) = shared.parked.take() {
            Pushed::Parked(driver)
        } else {
            Pushed::Driven
        }
    }

    /// For the driver, of an item it has just run: behind all others, which without newer ones is the end
    /// of its `batch`.
    pub(crate) fn push_yielded(&self, item: T, batch: &mut VecDeque<T>) {
        // ORDERING: Relaxed. What was pushed before the item yielded, in the order of anyone who could
        // tell, is seen here.
        if self.filled.load(Ordering::Relaxed) {
            lock(&self.shared).items.push_back(item);
        } else {
            batch.push_back(item);
        }
    }

    /// For the driver, whose `batch` is empty: swaps all items into it, or parks the driver.
    pub(crate) fn poll_refill(&self, cx: &mut Context<'_>, batch: &mut VecDeque<T>) -> Poll<()> {
        let mut shared = lock(&self.shared);
        if shared.items.is_empty() {
            // tokio's: a clone of it is no foreign code.
            shared.parked = Some(cx.waker().clone());
            return Poll::Pending;
        }
        mem::swap(&mut shared.items, batch);
        self.filled.store(false, Ordering::Relaxed);
        Poll::Ready(())
    }

    /// For what is left of a driver that was dropped, whose `batch` is empty: swaps all items into it.
    /// False if there are none, and from then the queue has no driver.
    #[must_use]
    pub(crate) fn refill_or_retire(&self, batch: &mut VecDeque<T>) -> bool {
        let mut shared = lock(&self.shared);
        shared.parked = None;
        shared.driven = !shared.items.is_empty();
        mem::swap(&mut shared.items, batch);
        self.filled.store(false, Ordering::Relaxed);
        shared.driven
    }
}

impl<T> Drop for Queue<T> {
    /// Its driver ends when it finds the context gone.
    fn drop(&mut self) {
        let parked = lock(&self.shared).parked.take();
        if let Some(driver) = parked {
            driver.wake();
        }
    }
}
