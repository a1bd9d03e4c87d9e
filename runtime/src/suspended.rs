//! Work that is suspended, and that a cancellation of its context must reach.

use std::task::Waker;

use crate::{
    sync::{AtomicBool, Mutex, Ordering, lock},
    waiters::{Place, Waiters, Woken},
};

/// The wakers of suspended work.
///
/// Whoever cancels says so first, and then wakes all; work that suspends is kept first, and then looks
/// whether it was cancelled: behind the same lock, so that one of the two sees the other.
pub(crate) struct Suspended {
    kept: Mutex<Kept>,
    /// Whether work may have a place that was forgotten.
    forgotten: AtomicBool,
}

struct Kept {
    /// Boxed, as most contexts are never cancelled.
    work: Option<Box<Waiters>>,
    by: By,
}

/// Who could cancel.
#[derive(PartialEq, Eq)]
enum By {
    Owners,
    /// Whoever has the token.
    Token,
    /// Wakers kept now would only keep work from being dropped that nobody else can wake either. Work
    /// that asks for the token later is kept from then on.
    Nobody,
}

impl Suspended {
    pub(crate) fn new() -> Self {
        Suspended {
            kept: Mutex::new(Kept {
                work: None,
                by: By::Owners,
            }),
            forgotten: AtomicBool::new(false),
        }
    }

    /// Keeps `waker` at `place`, unless something is kept there or nobody could cancel.
    pub(crate) fn keep(&self, place: &mut Option<Place>, waker: &Waker) {
        // ORDERING: Relaxed. Who forgets takes the lock, and so does who makes a token after that.
        if place.is_none() || self.forgotten.load(Ordering::Relaxed) {
            let waker = waker.clone();
            let replaced = {
                let mut kept = lock(&self.kept);
                match kept.by {
                    By::Nobody => Some(waker),
                    _ => kept.work.get_or_insert_default().register(place, waker),
                }
            };
            drop(replaced);
        }
    }

    /// Gives `place` up.
    pub(crate) fn leave(&self, place: &mut Option<Place>) {
        if place.is_some() {
            let waker = {
                let mut kept = lock(&self.kept);
                kept.work.as_mut().and_then(|work| work.leave(place))
            };
            drop(waker);
        }
    }

    pub(crate) fn wake_all(&self) {
        let woken = {
            let mut kept = lock(&self.kept);
            let work = kept.work.as_mut();
            work.map_or_else(Woken::default, |work| work.take())
        };
        woken.wake();
    }

    /// Forgets all, unless someone has the token, and keeps nothing before someone does.
    pub(crate) fn forget(&self) {
        let forgotten = {
            let mut kept = lock(&self.kept);
            if kept.by == By::Token {
                return;
            }
            kept.by = By::Nobody;
            // ORDERING: Relaxed, see `keep`.
            self.forgotten.store(true, Ordering::Relaxed);
            // Emptied and not replaced, so that no place of before is taken for one of later.
            kept.work.as_mut().map(|work| work.take())
        };
        drop(forgotten);
    }

    /// Someone gets the token: forgets no more, and keeps work again that suspends from now on.
    pub(crate) fn stay_within_reach(&self) {
        lock(&self.kept).by = By::Token;
    }
}
