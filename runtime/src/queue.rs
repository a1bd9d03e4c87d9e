//! The queue of a context: work that is ready for a turn, in the order it came.

use std::{
    mem,
    task::{Context, Waker},
};

use crate::{
    batch::{Batch, Pushed},
    sync::{AtomicBool, AtomicU32, Mutex, Once, Ordering, lock},
};

/// First in, first out. It has one driver, from its first item on or when it is [started](Queue::start), which parks
/// while there are none.
///
/// `O` owns what the queue is a part of, so that posts need not. The driver does while it is awake; a post that
/// wakes it leaves an owner for it.
///
/// It is made when it is first needed. That keeps other contexts small; and it keeps what those write who push
/// away from what the driver reads for every item, which two processors would otherwise take from each other.
#[derive(Debug)]
pub(crate) struct Queue<T, O>(Once<Made<T, O>>);

#[derive(Debug)]
struct Made<T, O> {
    shared: Mutex<Shared<T, O>>,
    /// Whether there are items. Written under the lock.
    filled: AtomicBool,
    /// How many posts have ended. Written by the driver.
    ended: AtomicU32,
}

#[derive(Debug)]
struct Shared<T, O> {
    items: Pushed<T>,
    driver: Driver,
    /// From when the driver is woken, by a post, until it looks.
    owner: Option<O>,
    /// How many posts were pushed.
    posted: u32,
    /// Whether posts are a piece of outstanding work: all together, so that none of them has to be counted
    /// by an exchange of its own. From the first one until the driver has nothing left to do.
    outstanding: bool,
}

#[derive(Debug, Default)]
enum Driver {
    #[default]
    None,
    Awake,
    Parked(Waker),
}

impl<T, O> Default for Made<T, O> {
    fn default() -> Self {
        Made {
            shared: Mutex::new(Shared {
                items: Pushed::new(),
                driver: Driver::None,
                owner: None,
                posted: 0,
                outstanding: false,
            }),
            filled: AtomicBool::new(false),
            ended: AtomicU32::new(0),
        }
    }
}

/// The queue is empty; and whether with this a piece of work ends that posts were.
#[derive(Debug)]
#[must_use = "`idle` waits for its end"]
pub(crate) struct PostsAreOver(pub(crate) bool);

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
        Queue(Once::new())
    }

    /// Adds an item that owns what the queue is a part of. It is made where it is kept.
    #[inline]
    pub(crate) fn push(&self, item: impl FnOnce() -> T, owner: impl FnOnce() -> O) -> Needs<O> {
        let made = self.0.made();
        let mut shared = lock(&made.shared);
        match made.push_to(&mut shared, item) {
            Driver::Awake => Needs::Nothing,
            Driver::Parked(waker) => Needs::Waking(waker),
            Driver::None => Needs::Starting(owner()),
        }
    }

    /// Adds a post, unless that `is_refused`. With the first one a piece of work is to `begin`: under the lock,
    /// so that whoever closes the queue and then waits for the end of what is outstanding waits for this.
    #[inline]
    pub(crate) fn push_post(
        &self,
        item: impl FnOnce() -> T,
        owner: impl FnOnce() -> O,
        is_refused: impl FnOnce() -> bool,
        begin: impl FnOnce(),
    ) -> Option<Needs<O>> {
        let made = self.0.made();
        let mut shared = lock(&made.shared);
        if is_refused() {
            return None;
        }
        if !mem::replace(&mut shared.outstanding, true) {
            begin();
        }
        shared.posted = shared.posted.wrapping_add(1);
        Some(match made.push_to(&mut shared, item) {
            Driver::Awake => Needs::Nothing,
            Driver::Parked(waker) => {
                shared.owner = Some(owner());
                Needs::Waking(waker)
            }
            Driver::None => Needs::Starting(owner()),
        })
    }

    /// Has the queue a driver, with this owner, if it has none.
    pub(crate) fn start(&self, owner: impl FnOnce() -> O) -> Option<O> {
        let mut shared = lock(&self.0.made().shared);
        match shared.driver {
            Driver::None => {
                shared.driver = Driver::Awake;
                Some(owner())
            }
            Driver::Awake | Driver::Parked(_) => None,
        }
    }

    /// For whoever has said that posts are refused: when this returns, all see that, and those that did not have
    /// begun.
    pub(crate) fn close(&self) {
        drop(lock(&self.0.made().shared));
    }

    /// How many posts have not ended, and whether they are a piece of outstanding work.
    pub(crate) fn posts(&self) -> (usize, bool) {
        let posts = |made: &Made<T, O>| {
            let shared = lock(&made.shared);
            let ended = made.ended.load(Ordering::Relaxed);
            let posts = shared.posted.wrapping_sub(ended) as usize;
            (posts, shared.outstanding)
        };
        self.0.if_made().map_or((0, false), posts)
    }

    /// For the driver, or what is left of it: so many posts have ended.
    #[inline]
    pub(crate) fn end_posts(&self, ended: u32) {
        // ORDERING: Relaxed, and no exchange: only one writes.
        let count = &self.0.made().ended;
        let before = count.load(Ordering::Relaxed);
        count.store(before.wrapping_add(ended), Ordering::Relaxed);
    }

    /// For the driver, of an item it has just run: behind all others, which without newer ones is the end
    /// of its `batch`.
    #[inline]
    pub(crate) fn push_yielded<Y: Into<T>>(&self, item: Y, batch: &mut Batch<T, Y>) {
        // ORDERING: Relaxed. What was pushed before the item yielded, in the order of anyone who could
        // tell, is seen here.
        let made = self.0.made();
        if made.filled.load(Ordering::Relaxed) {
            lock(&made.shared).items.push(|| item.into());
        } else {
            batch.push_yielded(item);
        }
    }

    /// For the driver, which is an owner and whose `batch` is empty: swaps all items into it, or parks the
    /// driver, which is then an owner no longer. Then it says whether what posts were outstanding is over.
    pub(crate) fn refill_or_park<Y>(
        &self,
        cx: &mut Context<'_>,
        batch: &mut Batch<T, Y>,
    ) -> Result<(), PostsAreOver> {
        self.refill_or(batch, |shared, batch| {
            batch.shrink();
            shared.items.shrink();
            // tokio's: a clone of it is no foreign code.
            shared.driver = Driver::Parked(cx.waker().clone());
        })
    }

    /// For what is left of a driver that was dropped, an owner whose `batch` is empty: swaps all items into
    /// it, or says that the queue has no driver any more.
    pub(crate) fn refill_or_retire<Y>(&self, batch: &mut Batch<T, Y>) -> Result<(), PostsAreOver> {
        self.refill_or(batch, |shared, _| shared.driver = Driver::None)
    }

    fn refill_or<Y>(
        &self,
        batch: &mut Batch<T, Y>,
        end: impl FnOnce(&mut Shared<T, O>, &mut Batch<T, Y>),
    ) -> Result<(), PostsAreOver> {
        {
            let made = self.0.made();
            let mut shared = lock(&made.shared);
            // Not the last one, as the driver is another.
            shared.owner = None;
            if shared.items.is_empty() {
                end(&mut shared, batch);
                // Some may be held back.
                let over = shared.posted == made.ended.load(Ordering::Relaxed);
                let over = over && mem::replace(&mut shared.outstanding, false);
                return Err(PostsAreOver(over));
            }
            batch.refill(&mut shared.items);
            made.filled.store(false, Ordering::Relaxed);
        }
        batch.sort();
        Ok(())
    }

    /// Wakes the driver, which ends when it finds the context gone.
    pub(crate) fn end(&self) {
        let Some(made) = self.0.if_made() else {
            return;
        };
        let driver = mem::take(&mut lock(&made.shared).driver);
        if let Driver::Parked(waker) = driver {
            waker.wake();
        }
    }
}

impl<T, O> Made<T, O> {
    /// Adds an item, for a driver that is to be awake. What it was before comes back.
    #[inline]
    fn push_to(&self, shared: &mut Shared<T, O>, item: impl FnOnce() -> T) -> Driver {
        shared.items.push(item);
        // ORDERING: Relaxed, see `push_yielded`.
        self.filled.store(true, Ordering::Relaxed);
        mem::replace(&mut shared.driver, Driver::Awake)
    }
}

impl<T, O> Drop for Queue<T, O> {
    fn drop(&mut self) {
        self.end();
    }
}
