//! The queue of a context: work that is ready for a turn, in the order it came.

use std::{
    collections::VecDeque,
    mem,
    task::{Context, Poll, Waker},
};

use crate::sync::{AtomicBool, Lazy, Mutex, Ordering, lock};

/// For how many items a parked driver keeps space, twice.
const KEPT: usize = 64;

/// First in, first out. It has one driver, from its first item on, which parks while there are none:
/// whoever pushes onto a queue that has none must start it, and whoever finds it parked must wake it.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    shared: Mutex<Lazy<Shared<T>>>,
    /// Whether there are items. Written under the lock.
    filled: AtomicBool,
}

#[derive(Debug)]
struct Shared<T> {
    items: Vec<T>,
    /// What wakes the driver: nothing while it runs.
    driver: Option<Waker>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Shared {
            items: Vec::new(),
            driver: None,
        }
    }
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Queue {
            shared: Mutex::new(Lazy::new()),
            filled: AtomicBool::new(false),
        }
    }

    /// Adds an item. The driver is to be woken; without one, the caller starts it.
    #[must_use = "items wait for ever without a driver"]
    pub(crate) fn push(&self, item: T) -> Option<Waker> {
        let mut shared = lock(&self.shared);
        let shared = shared.made();
        shared.items.push(item);
        // ORDERING: Relaxed, see `push_yielded`.
        self.filled.store(true, Ordering::Relaxed);
        shared.driver.replace(Waker::noop().clone())
    }

    /// For the driver, of an item it has just run: behind all others, which without newer ones is the end
    /// of its `batch`.
    pub(crate) fn push_yielded(&self, item: T, batch: &mut VecDeque<T>) {
        // ORDERING: Relaxed. What was pushed before the item yielded, in the order of anyone who could
        // tell, is seen here.
        if self.filled.load(Ordering::Relaxed) {
            lock(&self.shared).made().items.push(item);
        } else {
            batch.push_back(item);
        }
    }

    /// For the driver, whose `batch` is empty: swaps all items into it, or parks the driver.
    pub(crate) fn poll_refill(&self, cx: &mut Context<'_>, batch: &mut VecDeque<T>) -> Poll<()> {
        let mut shared = lock(&self.shared);
        let shared = shared.made();
        if shared.items.is_empty() {
            // What a flood took is not kept.
            shared.items.shrink_to(KEPT);
            batch.shrink_to(KEPT);
            // tokio's: a clone of it is no foreign code.
            shared.driver = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.swap(&mut shared.items, batch);
        Poll::Ready(())
    }

    fn swap(&self, items: &mut Vec<T>, batch: &mut VecDeque<T>) {
        let empty = mem::take(batch).into();
        *batch = mem::replace(items, empty).into();
        self.filled.store(false, Ordering::Relaxed);
    }

    /// For what is left of a driver that was dropped, whose `batch` is empty: swaps all items into it.
    /// False if there are none, and from then the queue has no driver.
    #[must_use]
    pub(crate) fn refill_or_retire(&self, batch: &mut VecDeque<T>) -> bool {
        let mut shared = lock(&self.shared);
        let shared = shared.made();
        if shared.items.is_empty() {
            shared.driver = None;
            return false;
        }
        self.swap(&mut shared.items, batch);
        true
    }
}

impl<T> Drop for Queue<T> {
    /// Its driver ends when it finds the context gone.
    fn drop(&mut self) {
        let driver = lock(&self.shared)
            .if_made()
            .and_then(|shared| shared.driver.take());
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}
