//! Exclusive work: while it lasts, from its first turn to its end, no other work of its context gets a
//! turn, except what it has started itself.
//!
//! # Invariants
//!
//! 1. `active` is only written by the holder of the context's turn, so it does not change during a turn;
//!    and while a scope is active, every turn is one of its members, or one in which something is dropped
//!    or looked at, and whose work is then none of the scope's.
//! 2. Items held back came before all that is in the queue, and go before it once the scope has ended.
//! 3. Who finds itself kept out registers while it has the turn, and the scope ends in a turn: nobody is
//!    forgotten.
//! 4. Whoever was woken by the end of a scope has the turn before the driver begins the next one, if it comes soon: as
//!    with the turn itself, nobody waits for one who need not come.

use std::{collections::VecDeque, mem, task::Context};

use crate::{
    context::Header,
    sync::{AtomicBool, AtomicU32, AtomicUsize, Mutex, Ordering, lock},
    task::Runnable,
    trusted,
    waiters::{Place, Waiters},
};

/// A context's exclusive work.
#[derive(Default)]
pub(crate) struct Exclusive {
    /// The number of the scope that lasts, or none.
    active: AtomicU32,
    /// Whether the turn is none of that scope's: something is dropped in it, or looked at. Written as
    /// `active`.
    outside: AtomicBool,
    /// How many scopes were made.
    made: AtomicUsize,
    /// Whether items are held back. Written under the lock, in a turn.
    holds_back: AtomicBool,
    /// How many of those who were woken by the end of a scope may still come, and had not the turn yet. A hint.
    coming: AtomicUsize,
    kept_out: Mutex<KeptOut>,
}

#[derive(Default)]
struct KeptOut {
    items: VecDeque<Runnable>,
    waiters: Waiters,
}

const NONE: u32 = 0;

/// The place of a piece of work in the exclusive work of its context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Ordinary,
    /// Started by the exclusive work of this number, and admitted with it.
    Member(u32),
    /// The exclusive work of this number.
    Exclusive(u32),
    /// What is only dropped, which is never kept out: exclusive work may wait for that.
    Remains,
}

impl Scope {
    fn number(self) -> u32 {
        match self {
            Scope::Ordinary | Scope::Remains => NONE,
            Scope::Member(number) | Scope::Exclusive(number) => number,
        }
    }
}

impl Exclusive {
    /// The number of the scope that lasts. For the holder of the turn.
    fn active(&self) -> u32 {
        // ORDERING: Relaxed, turns are ordered: invariant 1.
        self.active.load(Ordering::Relaxed)
    }

    fn set_active(&self, number: u32) {
        // ORDERING: Relaxed, as `active`.
        self.active.store(number, Ordering::Relaxed);
    }

    fn set_outside(&self, outside: bool) -> bool {
        // ORDERING: Relaxed, as `active`.
        self.outside.swap(outside, Ordering::Relaxed)
    }

    /// One of those who were woken is not to be waited for any more.
    fn has_come(&self) {
        let less = |coming: usize| coming.checked_sub(1);
        // ORDERING: Relaxed, as `lets_in`. None is left to count where the driver has waited for long enough.
        let _ = self
            .coming
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Holds items back that are not admitted.
    pub(crate) fn hold_back(&self, items: impl IntoIterator<Item = Runnable>) {
        let mut kept_out = lock(&self.kept_out);
        kept_out.items.extend(items);
        // ORDERING: Relaxed, as `active`.
        self.holds_back.store(true, Ordering::Relaxed);
    }
}

impl Header {
    #[inline]
    fn exclusive_if_any(&self) -> Option<&Exclusive> {
        self.rare_if_made().map(|rare| &rare.exclusive)
    }

    /// The scope of work that is started here and now: that of the exclusive work whose turn this is.
    pub(crate) fn scope(&self) -> Scope {
        match self.exclusive_if_any().map_or(NONE, Exclusive::active) {
            NONE => Scope::Ordinary,
            number if trusted::holds(self) && !self.is_outside() => Scope::Member(number),
            _ => Scope::Ordinary,
        }
    }

    /// The scope of exclusive work that is started here and now. Within exclusive work that is a member,
    /// as it would otherwise wait for its own end.
    pub(crate) fn exclusive_scope(&self) -> Scope {
        match self.scope() {
            Scope::Ordinary => {
                // ORDERING: Relaxed, only a number.
                let before = self.rare().exclusive.made.fetch_add(1, Ordering::Relaxed);
                // Small, as every item has one. After four billions they come again, and never is one `NONE`.
                Scope::Exclusive((before % u32::MAX as usize) as u32 + 1)
            }
            member => member,
        }
    }

    /// Whether work in `scope` may have the turn that the caller holds. Exclusive work begins with that.
    #[inline]
    pub(crate) fn admits(&self, scope: impl FnOnce() -> Scope) -> bool {
        let Some(exclusive) = self.exclusive_if_any() else {
            return true;
        };
        match (exclusive.active(), scope()) {
            (NONE, Scope::Exclusive(number)) => {
                exclusive.set_active(number);
                exclusive.set_outside(false);
                true
            }
            (NONE, _) => true,
            (active, scope) => {
                let remains = scope == Scope::Remains;
                exclusive.set_outside(remains);
                remains || active == scope.number()
            }
        }
    }

    /// Whether exclusive work lasts. For the holder of the turn.
    #[inline]
    pub(crate) fn is_exclusive(&self) -> bool {
        self.exclusive_if_any()
            .is_some_and(|exclusive| exclusive.active() != NONE)
    }

    fn is_outside(&self) -> bool {
        // ORDERING: Relaxed, as `active`.
        self.exclusive_if_any()
            .is_some_and(|exclusive| exclusive.outside.load(Ordering::Relaxed))
    }

    /// Whether the driver should stand back, so that someone who waited for the end of a scope has a chance to get in
    /// before the next one.
    #[inline]
    pub(crate) fn lets_in(&self) -> bool {
        // ORDERING: Relaxed, a hint, as the turn goes to whoever takes it.
        self.exclusive_if_any()
            .is_some_and(|exclusive| exclusive.coming.load(Ordering::Relaxed) != 0)
    }

    /// Waits for nobody who may still come.
    pub(crate) fn let_in_no_more(&self) {
        // ORDERING: Relaxed, as `lets_in`.
        self.rare().exclusive.coming.store(0, Ordering::Relaxed);
    }

    /// Runs `work` in the turn that the caller holds, and that is none of exclusive work's: what is started
    /// there is not either.
    #[inline]
    pub(crate) fn outside_of_scopes<R>(&self, work: impl FnOnce() -> R) -> R {
        struct Restore<'a>(&'a Exclusive, bool);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.set_outside(self.1);
            }
        }

        let _restore = self
            .exclusive_if_any()
            .map(|exclusive| Restore(exclusive, exclusive.set_outside(true)));
        work()
    }

    /// What was held back first, once no scope lasts. For the holder of the turn.
    #[inline]
    pub(crate) fn next_held_back(&self) -> Option<Runnable> {
        let exclusive = self.exclusive_if_any()?;
        // ORDERING: Relaxed, as `active`.
        if exclusive.active() != NONE || !exclusive.holds_back.load(Ordering::Relaxed) {
            return None;
        }
        let mut kept_out = lock(&exclusive.kept_out);
        let item = kept_out.items.pop_front();
        exclusive
            .holds_back
            .store(!kept_out.items.is_empty(), Ordering::Relaxed);
        item
    }

    /// All that is held back, to be dropped.
    pub(crate) fn take_held_back(&self) -> VecDeque<Runnable> {
        let take = |exclusive: &Exclusive| mem::take(&mut lock(&exclusive.kept_out).items);
        self.exclusive_if_any().map(take).unwrap_or_default()
    }

    /// Leaves a waker at `place` for the end of the scope that keeps the caller out, who holds the turn.
    pub(crate) fn wait_for_end(&self, cx: &mut Context<'_>, place: &mut Option<Place>) {
        let waker = cx.waker().clone();
        let exclusive = &self.rare().exclusive;
        let had_place = place.is_some();
        let replaced = lock(&exclusive.kept_out).waiters.register(place, waker);
        if had_place && replaced.is_none() {
            exclusive.has_come();
        }
        drop(replaced);
    }

    /// Gives up a place of [`wait_for_end`](Header::wait_for_end): of who is let in, or waits no more.
    #[inline]
    pub(crate) fn leave_end(&self, place: &mut Option<Place>) {
        if place.is_some() {
            self.forget_end(place);
        }
    }

    #[cold]
    fn forget_end(&self, place: &mut Option<Place>) {
        let exclusive = &self.rare().exclusive;
        let waker = lock(&exclusive.kept_out).waiters.leave(place);
        if waker.is_none() {
            exclusive.has_come();
        }
        drop(waker);
    }

    /// Ends the scope of `scope`, if it is exclusive work and has begun. In a turn.
    pub(crate) fn end_exclusive(&self, scope: Scope) {
        if let Scope::Exclusive(number) = scope {
            let exclusive = &self.rare().exclusive;
            if exclusive.active() == number {
                exclusive.set_active(NONE);
                let woken = lock(&exclusive.kept_out).waiters.take();
                // ORDERING: Relaxed, as `lets_in`.
                exclusive.coming.store(woken.len(), Ordering::Relaxed);
                woken.wake();
            }
        }
    }
}
