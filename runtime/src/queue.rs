//! The queue of a context: work that is ready for a turn, in the order it came.

use std::{
    mem,
    task::{Context, Poll, Waker},
};

use crate::{
    batch::{Batch, Pushed},
    sync::{AtomicBool, Lazy, Mutex, Ordering, lock},
};

/// First in, first out. It has one driver, from its first item on, which parks while there are none.
///
/// `O` owns what the queue is a part of, so that items need not. The driver does while it is awake; what
/// wakes it leaves an owner for it.
#[derive(Debug)]
pub(crate) struct Queue<T, O> {
    shared: Mutex<Lazy<Shared<T, O>>>,
    /// Whether there are items. Written under the lock.
    filled: AtomicBool,
}

#[derive(Debug)]
struct Shared<T, O> {
    items: Pushed<T>,
    driver: Driver,
    /// From when the driver is woken until it looks.
    owner: Option<O>,
}

#[derive(Debug, Default)]
enum Driver {
    #[default]
    None,
    Awake,
    Parked(Waker),
}

impl<T, O> Default for Shared<T, O> {
    fn default() -> Self {
        Shared {
            items: Pushed::new(),
            driver: Driver::None,
            owner: None,
        }
    }
}

/// What the driver needs of whoever has pushed an item.
#[derive(Debug)]
#[must_use = "items wait for ever without a driver"]
pub(crate) enum Needs<O> {
    Nothing,
    /// To be woken.
    Waking(Waker),
    /// To be started, with this owner.
    Starting(O),
}

impl<T, O> Queue<T, O> {
    pub(crate) fn new() -> Self {
        Queue {
            shared: Mutex::new(Lazy::new()),
            filled: AtomicBool::new(false),
        }
    }

    /// Adds an item, which is made where it is kept.
    #[inline]
    pub(crate) fn push(&self, item: impl FnOnce() -> T, owner: impl FnOnce() -> O) -> Needs<O> {
        let mut shared = lock(&self.shared);
        let shared = shared.made();
        shared.items.push(item);
        // ORDERING: Relaxed, see `push_yielded`.
        self.filled.store(true, Ordering::Relaxed);
        match mem::replace(&mut shared.driver, Driver::Awake) {
            Driver::Awake => Needs::Nothing,
            Driver::Parked(waker) => {
                shared.owner = Some(owner());
                Needs::Waking(waker)
            }
            Driver::None => Needs::Starting(owner()),
        }
    }

    /// For the driver, of an item it has just run: behind all others, which without newer ones is the end
    /// of its `batch`.
    #[inline]
    pub(crate) fn push_yielded(&self, item: T, batch: &mut Batch<T>) {
        // ORDERING: Relaxed. What was pushed before the item yielded, in the order of anyone who could
        // tell, is seen here.
        let newer = self.filled.load(Ordering::Relaxed);
        let left = match newer {
            true => Err(item),
            false => batch.try_push_back(item),
        };
        if let Err(item) = left {
            let mut shared = lock(&self.shared);
            shared.made().items.push(|| item);
            self.filled.store(true, Ordering::Relaxed);
        }
    }

    /// For the driver, which is an owner and whose `batch` is empty: swaps all items into it, or parks the
    /// driver, which is then an owner no longer.
    pub(crate) fn poll_refill(&self, cx: &mut Context<'_>, batch: &mut Batch<T>) -> Poll<()> {
        let mut shared = lock(&self.shared);
        let shared = shared.made();
        // Not the last one, as the driver is another.
        shared.owner = None;
        if shared.items.is_empty() {
            shared.items.shrink();
            batch.shrink();
            // tokio's: a clone of it is no foreign code.
            shared.driver = Driver::Parked(cx.waker().clone());
            return Poll::Pending;
        }
        self.swap(&mut shared.items, batch);
        Poll::Ready(())
    }

    fn swap(&self, items: &mut Pushed<T>, batch: &mut Batch<T>) {
        batch.refill(items);
        self.filled.store(false, Ordering::Relaxed);
    }

    /// For what is left of a driver that was dropped, an owner whose `batch` is empty: swaps all items into
    /// it. False if there are none, and from then the queue has no driver.
    #[must_use]
    pub(crate) fn refill_or_retire(&self, batch: &mut Batch<T>) -> bool {
        let mut shared = lock(&self.shared);
        let shared = shared.made();
        shared.owner = None;
        if shared.items.is_empty() {
            shared.driver = Driver::None;
            return false;
        }
        self.swap(&mut shared.items, batch);
        true
    }

    /// Wakes the driver, which ends when it finds the context gone.
    pub(crate) fn end(&self) {
        let driver = lock(&self.shared)
            .if_made()
            .map(|shared| mem::take(&mut shared.driver));
        if let Some(Driver::Parked(waker)) = driver {
            waker.wake();
        }
    }
}

impl<T, O> Drop for Queue<T, O> {
    fn drop(&mut self) {
        self.end();
    }
}
