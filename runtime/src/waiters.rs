//! A set of wakers, woken all at once.
//!
//! Why not a library's: `tokio::sync::Notify` drops the rest of its batch when a waker panics, and
//! `event-listener` wakes under its lock.

use std::{mem, task::Waker};

use slab::Slab;

use crate::outstanding::contained;

/// Who waits. Kept under a lock of its owner, which never wakes, clones or drops a waker under it.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// Counts the `take`s: a [`Place`] of an earlier round is no longer one.
    round: u64,
    wakers: Slab<Waker>,
}

/// A waiting future's place in the set; it keeps one in an `Option` from poll to poll.
#[derive(Debug)]
pub(crate) struct Place {
    round: u64,
    key: usize,
}

impl Waiters {
    /// Puts `waker` at `place`. The waker it replaces comes back, to be dropped outside the lock.
    pub(crate) fn register(&mut self, place: &mut Option<Place>, waker: Waker) -> Option<Waker> {
        if let Some(Place { round, key }) = place {
            if *round == self.round {
                return Some(mem::replace(&mut self.wakers[*key], waker));
            }
        }
        *place = Some(Place {
            round: self.round,
            key: self.wakers.insert(waker),
        });
        None
    }

    /// Gives `place` up. Its waker comes back, to be dropped outside the lock.
    pub(crate) fn leave(&mut self, place: &mut Option<Place>) -> Option<Waker> {
        let Place { round, key } = place.take()?;
        (round == self.round).then(|| self.wakers.remove(key))
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.wakers.len()
    }

    /// Takes everyone out, to be woken outside the lock.
    pub(crate) fn take(&mut self) -> Woken {
        self.round += 1;
        Woken(self.wakers.drain().collect())
    }
}

/// Wakers taken out of their set, to be woken now.
#[derive(Debug, Default)]
#[must_use = "those who wait are lost unless they are woken"]
pub(crate) struct Woken(Vec<Waker>);

impl Woken {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn join(&mut self, other: Woken) {
        if self.0.is_empty() {
            *self = other;
        } else {
            self.0.extend(other.0);
        }
    }

    /// Wakes each, whatever the others do: a waker is foreign code, and one that panics must not
    /// leave the rest asleep. The panic has been reported by the panic hook, and ends here.
    pub(crate) fn wake(self) {
        for waker in self.0 {
            contained(|| waker.wake());
        }
    }
}
