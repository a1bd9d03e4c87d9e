//! The turn: the exclusive right to run, poll or drop work of one context.
//!
//! # Invariants
//!
//! 1. At most one thread holds the turn: it set `HELD` with an `Acquire`, and clears it with a
//!    `Release`, so everything done in one turn happens before the next.
//! 2. Giving it back never hands it over. Whoever waits is woken and competes anew, so a woken
//!    future that nobody polls blocks nobody.
//! 3. A call (a waker, or remains to be dropped) is stored first and announced by `CALLED` after.
//!    The holder can only give the turn back by swapping `HELD` alone for nothing, so it sees every
//!    call announced before that; a caller that finds the turn free after announcing takes it.
//!
//! | state | meaning |
//! |---|---|
//! | nothing | free, nobody waits |
//! | `HELD` | someone runs, nobody waits |
//! | `HELD \| CALLED` | someone runs and must look into `calls` before giving back |
//! | `CALLED` | free, and someone who called is about to take it |

use std::{
    fmt, mem,
    task::{Context, Poll},
};

use crate::{
    sync::{AtomicU8, Lazy, Mutex, Ordering, lock},
    waiters::{Place, Waiters, Woken},
};

const HELD: u8 = 1;
const CALLED: u8 = 2;

/// Something of this context that someone else could not drop, because the turn was taken.
pub(crate) type Remains = Box<dyn Send>;

pub(crate) struct Turn {
    state: AtomicU8,
    calls: Mutex<Lazy<Calls>>,
}

#[derive(Default)]
struct Calls {
    waiters: Waiters,
    remains: Vec<Remains>,
}

impl Turn {
    pub(crate) fn new() -> Self {
        Turn {
            state: AtomicU8::new(0),
            calls: Mutex::new(Lazy::new()),
        }
    }

    /// Takes the turn if it is free. The taker owes a [`give_back`](Turn::give_back).
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `give_back`: invariant 1.
        self.state
            .compare_exchange(0, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            || self.try_take_called()
    }

    #[cold]
    fn try_take_called(&self) -> bool {
        // ORDERING: as in `try_take`.
        self.state.fetch_or(HELD, Ordering::Acquire) & HELD == 0
    }

    /// Takes the turn, or leaves a waker at `place` that is woken when it is given back.
    #[inline]
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, place: &mut Option<Place>) -> Poll<()> {
        if self.try_take() || self.wait(cx, place) {
            self.leave(place);
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Leaves a waker at `place`. True if the turn became free meanwhile and is now the caller's.
    #[cold]
    fn wait(&self, cx: &mut Context<'_>, place: &mut Option<Place>) -> bool {
        let waker = cx.waker().clone();
        let replaced = lock(&self.calls).made().waiters.register(place, waker);
        drop(replaced);
        self.announce()
    }

    /// Gives up a place of [`poll_take`](Turn::poll_take).
    #[inline]
    pub(crate) fn leave(&self, place: &mut Option<Place>) {
        if place.is_some() {
            self.forget(place);
        }
    }

    #[cold]
    fn forget(&self, place: &mut Option<Place>) {
        let waker = lock(&self.calls).made().waiters.leave(place);
        drop(waker);
    }

    /// Leaves `remains` to be dropped on the context by whoever holds the turn. True if that is now
    /// the caller, who then owes a [`give_back`](Turn::give_back).
    #[must_use]
    pub(crate) fn leave_behind(&self, remains: Remains) -> bool {
        lock(&self.calls).made().remains.push(remains);
        self.announce()
    }

    /// Says that there is a call; true if the turn was free and is now the caller's.
    fn announce(&self) -> bool {
        // ORDERING: AcqRel. Release: the call stored before is seen by the holder, whose failed
        // exchange in `give_back` acquires. Acquire: should the turn be free, `try_take` follows.
        let before = self.state.fetch_or(CALLED, Ordering::AcqRel);
        before & HELD == 0 && self.try_take()
    }

    /// Whether someone waits for the turn.
    pub(crate) fn is_called(&self) -> bool {
        // ORDERING: Relaxed, a hint: `give_back` looks again.
        self.state.load(Ordering::Relaxed) & CALLED != 0
    }

    /// Ends the turn. What others left behind goes to `bury` first, while the turn still holds.
    #[inline]
    pub(crate) fn give_back(&self, bury: impl Fn(Vec<Remains>)) {
        if !self.try_give_back() {
            self.answer_calls(bury);
        }
    }

    /// Ends the turn, unless someone has called.
    #[inline]
    fn try_give_back(&self) -> bool {
        // ORDERING: Release pairs with the Acquire in `try_take`: invariant 1. Acquire on failure
        // pairs with `announce`.
        self.state
            .compare_exchange(HELD, 0, Ordering::Release, Ordering::Acquire)
            .is_ok()
    }

    /// Ends a turn for which someone has called.
    #[cold]
    fn answer_calls(&self, bury: impl Fn(Vec<Remains>)) {
        let mut woken = Woken::default();
        loop {
            // ORDERING: Acquire pairs with `announce`: a call announced up to here is seen below.
            self.state.fetch_and(!CALLED, Ordering::Acquire);
            let (waiters, remains) = {
                let mut calls = lock(&self.calls);
                let calls = calls.made();
                (calls.waiters.take(), mem::take(&mut calls.remains))
            };
            woken.join(waiters);
            if !remains.is_empty() {
                bury(remains);
            }
            if self.try_give_back() {
                break;
            }
        }
        woken.wake();
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Ordering::Relaxed);
        f.debug_struct("Turn")
            .field("held", &(state & HELD != 0))
            .field("called", &(state & CALLED != 0))
            .finish()
    }
}
