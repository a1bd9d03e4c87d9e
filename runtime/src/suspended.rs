//! Work that is suspended, and that a cancellation of its context must reach.

use std::{mem, task::Waker};

use crate::{
    sync::{Mutex, lock},
    waiters::{Place, Waiters, Woken},
};

/// The wakers of suspended work.
///
/// Whoever cancels says so first, and then wakes all; work that suspends is kept first, and then looks
/// whether it was cancelled: behind the same lock, so that one of the two sees the other.
pub(crate) struct Suspended {
    work: Mutex<Work>,
}

enum Work {
    /// Boxed, as most contexts are never cancelled.
    Kept(Option<Box<Waiters>>),
    /// Nobody is left who could cancel. Wakers kept here would only keep work from being dropped that
    /// nobody else can wake either.
    OutOfReach,
}

impl Suspended {
    pub(crate) fn new() -> Self {
        Suspended {
            work: Mutex::new(Work::Kept(None)),
        }
    }

    /// Keeps `waker` at `place`, unless something is kept there or nobody could cancel.
    pub(crate) fn keep(&self, place: &mut Option<Place>, waker: &Waker) {
        if place.is_none() {
            let waker = waker.clone();
            if let Work::Kept(work) = &mut *lock(&self.work) {
                let replaced = work.get_or_insert_default().register(place, waker);
                debug_assert!(replaced.is_none(), "there was no place");
            }
        }
    }

    /// Gives `place` up.
    pub(crate) fn leave(&self, place: &mut Option<Place>) {
        if place.is_some() {
            let waker = match &mut *lock(&self.work) {
                Work::Kept(Some(work)) => work.leave(place),
                Work::Kept(None) | Work::OutOfReach => None,
            };
            drop(waker);
        }
    }

    pub(crate) fn wake_all(&self) {
        let woken = match &mut *lock(&self.work) {
            Work::Kept(Some(work)) => work.take(),
            Work::Kept(None) | Work::OutOfReach => Woken::default(),
        };
        woken.wake();
    }

    /// Forgets all, and keeps nothing until someone is [within reach](Suspended::within_reach).
    pub(crate) fn forget(&self) {
        let forgotten = mem::replace(&mut *lock(&self.work), Work::OutOfReach);
        drop(forgotten);
    }

    /// Keeps work again that suspends from now on.
    pub(crate) fn within_reach(&self) {
        let mut work = lock(&self.work);
        if matches!(*work, Work::OutOfReach) {
            *work = Work::Kept(None);
        }
    }
}
