//! Exclusive work: while it lasts, from its first turn to its end, no other work of its context gets a
//! turn, except what it has started itself.
//!
//! # Invariants
//!
//! 1. `active` is only written by the holder of the context's turn, so it does not change during a turn;
//!    and while a scope is active, every turn is one of its members.
//! 2. Items held back came before all that is in the queue, and go before it once the scope has ended.
//! 3. Who finds itself kept out registers while it has the turn, and the scope ends in a turn: nobody is
//!    forgotten.

use std::{
    collections::VecDeque,
    mem,
    sync::OnceLock,
    task::{Context, Waker},
};

use crate::{
    context::Header,
    sync::{AtomicUsize, Mutex, Ordering, lock},
    task::Runnable,
    trusted,
    waiters::{Place, Waiters},
};

/// A context's exclusive work. Most contexts never have any.
#[derive(Default)]
pub(crate) struct Exclusive {
    scopes: OnceLock<Box<Scopes>>,
}

struct Scopes {
    /// The number of the scope that lasts, or none.
    active: AtomicUsize,
    /// The number of the scope that was made last.
    last: AtomicUsize,
    kept_out: Mutex<KeptOut>,
}

#[derive(Default)]
struct KeptOut {
    items: VecDeque<Runnable>,
    waiters: Waiters,
}

const NONE: usize = 0;

/// The place of a piece of work in the exclusive work of its context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Ordinary,
    /// Started by the exclusive work of this number, and admitted with it.
    Member(usize),
    /// The exclusive work of this number.
    Exclusive(usize),
}

impl Scope {
    fn number(self) -> usize {
        match self {
            Scope::Ordinary => NONE,
            Scope::Member(number) | Scope::Exclusive(number) => number,
        }
    }
}

impl Exclusive {
    fn scopes(&self) -> &Scopes {
        self.scopes.get_or_init(|| {
            Box::new(Scopes {
                active: AtomicUsize::new(NONE),
                last: AtomicUsize::new(NONE),
                kept_out: Mutex::new(KeptOut::default()),
            })
        })
    }

    /// The number of the scope that lasts. For the holder of the turn.
    #[inline]
    fn active(&self) -> usize {
        // ORDERING: Relaxed, turns are ordered: invariant 1.
        let active = |scopes: &Scopes| scopes.active.load(Ordering::Relaxed);
        self.scopes.get().map_or(NONE, |scopes| active(scopes))
    }

    /// Whether work in `scope` may have the turn that the caller holds. Exclusive work begins with that.
    pub(crate) fn admits(&self, scope: Scope) -> bool {
        match (self.active(), scope) {
            (NONE, Scope::Exclusive(number)) => {
                // ORDERING: Relaxed, as `active`.
                self.scopes().active.store(number, Ordering::Relaxed);
                true
            }
            (NONE, _) => true,
            (active, scope) => active == scope.number(),
        }
    }

    /// Holds an item back that is not admitted.
    pub(crate) fn hold_back(&self, item: Runnable) {
        lock(&self.scopes().kept_out).items.push_back(item);
    }

    /// What was held back first, once no scope lasts. For the holder of the turn.
    #[inline]
    pub(crate) fn next_held_back(&self) -> Option<Runnable> {
        let scopes = self.scopes.get()?;
        if self.active() != NONE {
            return None;
        }
        lock(&scopes.kept_out).items.pop_front()
    }

    /// All that is held back, to be dropped.
    pub(crate) fn take_held_back(&self) -> VecDeque<Runnable> {
        let Some(scopes) = self.scopes.get() else {
            return VecDeque::new();
        };
        mem::take(&mut lock(&scopes.kept_out).items)
    }

    /// Leaves a waker at `place` for the end of the scope that keeps the caller out, who holds the turn.
    pub(crate) fn wait(&self, cx: &mut Context<'_>, place: &mut Option<Place>) {
        let waker = cx.waker().clone();
        let replaced = lock(&self.scopes().kept_out).waiters.register(place, waker);
        drop(replaced);
    }

    pub(crate) fn leave(&self, place: &mut Option<Place>) {
        if place.is_some() {
            let waker: Option<Waker> = lock(&self.scopes().kept_out).waiters.leave(place);
            drop(waker);
        }
    }

    /// Ends the scope of `scope`, if it is exclusive work and has begun. In a turn.
    pub(crate) fn end(&self, scope: Scope) {
        if let Scope::Exclusive(number) = scope {
            if self.active() == number {
                // ORDERING: Relaxed, as `active`.
                self.scopes().active.store(NONE, Ordering::Relaxed);
                let woken = lock(&self.scopes().kept_out).waiters.take();
                woken.wake();
            }
        }
    }
}

impl Header {
    /// The scope of work that is started here and now: that of the exclusive work whose turn this is.
    pub(crate) fn scope(&self) -> Scope {
        if self.exclusive.scopes.get().is_none() || !trusted::holds(self) {
            return Scope::Ordinary;
        }
        match self.exclusive.active() {
            NONE => Scope::Ordinary,
            number => Scope::Member(number),
        }
    }

    /// The scope of exclusive work that is started here and now. Within exclusive work that is a member,
    /// as it would otherwise wait for its own end.
    pub(crate) fn exclusive_scope(&self) -> Scope {
        match self.scope() {
            Scope::Ordinary => {
                // ORDERING: Relaxed, only a number.
                let last = self.exclusive.scopes().last.fetch_add(1, Ordering::Relaxed);
                Scope::Exclusive(last + 1)
            }
            member => member,
        }
    }
}
