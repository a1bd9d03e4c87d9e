//! Work that is suspended, and that a cancellation of its context must reach.

use std::task::Waker;

use crate::{
    sync::{AtomicBool, Mutex, Ordering, lock},
    waiters::{Place, Waiters},
};

/// The wakers of suspended work.
///
/// Whoever cancels says so first, and then wakes all; work that suspends is kept first, and then looks
/// whether it was cancelled: behind the same lock, so that one of the two sees the other.
#[derive(Default)]
pub(crate) struct Suspended {
    work: Mutex<Waiters>,
    /// Whether work may have a place that was forgotten.
    forgotten: AtomicBool,
}

impl Suspended {
    /// Whether a place that was kept may be none any more.
    #[inline]
    pub(crate) fn may_have_forgotten(&self) -> bool {
        // ORDERING: Relaxed. Who forgets takes the lock, and so does who makes a token after that.
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Keeps `waker` at `place`, unless something is kept there, or nobody could cancel: then it would only
    /// keep work from being dropped that nobody else can wake either.
    pub(crate) fn keep(
        &self,
        place: &mut Option<Place>,
        waker: &Waker,
        within_reach: impl FnOnce() -> bool,
    ) {
        if place.is_none() || self.may_have_forgotten() {
            let waker = waker.clone();
            let replaced = {
                let mut work = lock(&self.work);
                match within_reach() {
                    true => work.register(place, waker),
                    false => Some(waker),
                }
            };
            drop(replaced);
        }
    }

    /// Gives `place` up.
    pub(crate) fn leave(&self, place: &mut Option<Place>) {
        if place.is_some() {
            let waker = lock(&self.work).leave(place);
            drop(waker);
        }
    }

    pub(crate) fn wake_all(&self) {
        let woken = lock(&self.work).take();
        woken.wake();
    }

    /// Forgets all, unless someone could cancel.
    pub(crate) fn forget(&self, within_reach: impl FnOnce() -> bool) {
        let forgotten = {
            let mut work = lock(&self.work);
            if within_reach() {
                return;
            }
            // ORDERING: Relaxed, see `keep`.
            self.forgotten.store(true, Ordering::Relaxed);
            work.take()
        };
        drop(forgotten);
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.work).len()
    }
}
