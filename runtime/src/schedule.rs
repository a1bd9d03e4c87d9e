//! Who may run an item of work, and who may free it.
//!
//! | state | meaning |
//! |---|---|
//! | nothing | idle: whoever wakes it gets its turn |
//! | `ASKED` | its turn is there, and waits in a queue |
//! | `RUNNING` | its turn is run; or has been, and is to be again, or was the last one |
//! | `RUNNING \| ASKED` | the same, and it was woken meanwhile |
//! | `ABANDONED \| ASKED` | its turn is there, and is its end |

use std::process;

use crate::sync::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

const ASKED: u8 = 1;
const RUNNING: u8 = 2;
const ABANDONED: u8 = 4;

/// Of an item: whether there is a turn of it, and how many owners it has, one of which is that turn.
pub(crate) struct Schedule {
    state: AtomicU8,
    is_over: AtomicBool,
    pub(crate) owners: Owners,
}

/// How many owners an item has. Nothing but an atomic, padding neither: it is borrowed by an owner that goes, while
/// another one may free it.
pub(crate) struct Owners(AtomicUsize);

impl Schedule {
    /// Of an item whose first turn is there.
    pub(crate) fn new(owners: usize) -> Self {
        Schedule {
            state: AtomicU8::new(ASKED),
            is_over: AtomicBool::new(false),
            owners: Owners(AtomicUsize::new(owners)),
        }
    }

    /// Asks for a turn. True if it is the caller's: there was none.
    #[inline]
    #[must_use]
    pub(crate) fn wake(&self) -> bool {
        // ORDERING: AcqRel, also where a turn is there already. Release pairs with `begin`: what the waker
        // has to tell is seen by the turn that follows. Acquire pairs with `pause`: what earlier turns did
        // happens before this one.
        self.state.fetch_or(ASKED, Ordering::AcqRel) == 0
    }

    /// For the turn, when it is run. True if it is the end of an item that nobody could wake.
    #[inline]
    pub(crate) fn begin(&self) -> bool {
        // ORDERING: Acquire pairs with `wake`. Who wakes from here on asks for the next turn.
        self.state.swap(RUNNING, Ordering::Acquire) & ABANDONED != 0
    }

    /// Gives the turn up. False if there is to be another at once, which it is then.
    #[inline]
    #[must_use]
    pub(crate) fn pause(&self) -> bool {
        // ORDERING: Release pairs with `wake`, which may have the next turn on another thread. Relaxed where
        // it goes on: `begin` follows.
        self.state
            .compare_exchange(RUNNING, 0, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// Says that this turn is the last one: it is never given up, so that nobody gets another.
    #[inline]
    pub(crate) fn end(&self) {
        // ORDERING: Relaxed. It is read by the last owner, and the turn that says this is one until later.
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// For the last owner, which has it for itself: what is left to be done.
    pub(crate) fn last(&self) -> Last {
        if self.is_over.load(Ordering::Relaxed) {
            return Last::Free;
        }
        // No owner has a turn, and none can ask for one: no exchange is needed.
        self.owners.0.store(1, Ordering::Relaxed);
        self.state.store(ABANDONED | ASKED, Ordering::Relaxed);
        Last::Abandoned
    }
}

impl Owners {
    /// One more owner, of which the caller knows another.
    #[inline]
    pub(crate) fn add(&self) {
        // ORDERING: Relaxed, as in `Arc`.
        if self.0.fetch_add(1, Ordering::Relaxed) > isize::MAX as usize {
            // As `Arc` does: the count would overflow.
            process::abort();
        }
    }

    /// Gives an owner up. True if it was the last one; if not, the item may be gone.
    #[inline]
    #[must_use]
    pub(crate) fn remove(&self) -> bool {
        // ORDERING: AcqRel: what the others did happens before what the last one does.
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// What the last owner of an item is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Last {
    /// Nothing is left to do but to free it.
    Free,
    /// Its work has not ended, and nobody is left who could wake it: the caller has its last turn.
    Abandoned,
}
