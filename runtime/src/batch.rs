//! Items that are pushed in one place and run in another, where they get all at once.

use std::{collections::VecDeque, iter, mem};

/// How many items the first segment has room for, and each one after it: up to 1,000 bytes, as `glibc` tidies up
/// before it gives anyone more.
const FIRST: usize = 6;
const LATER: usize = 61;

/// For how many items that want to run again a parked driver keeps space.
const KEPT: usize = 64;

/// What is pushed, in segments. One buffer that doubles would be moved again and again in a flood, into fresh pages.
#[derive(Debug)]
pub(crate) struct Pushed<T> {
    full: Vec<Vec<T>>,
    last: Vec<T>,
}

/// What is run: `T`s that were pushed, and then `Y`s, each of which wanted to run again.
#[derive(Debug)]
pub(crate) struct Batch<T, Y> {
    /// The next item last.
    first: Vec<T>,
    /// The next segment last, and in each the next item first.
    later: Vec<Vec<T>>,
    yielded: VecDeque<Y>,
}

/// An item of a batch.
#[derive(Debug)]
pub(crate) enum Next<T, Y> {
    Pushed(T),
    Yielded(Y),
}

impl<T> Pushed<T> {
    pub(crate) fn new() -> Self {
        Pushed {
            full: Vec::new(),
            last: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    #[inline]
    pub(crate) fn push(&mut self, item: impl FnOnce() -> T) {
        if self.last.len() == self.last.capacity() {
            self.add();
        }
        // Not `push`, through whose arguments the item would go in memory.
        self.last.extend(iter::once_with(item));
    }

    #[cold]
    fn add(&mut self) {
        if self.last.capacity() == 0 {
            self.last.reserve_exact(FIRST);
        } else {
            let full = mem::replace(&mut self.last, Vec::with_capacity(LATER));
            self.full.push(full);
        }
    }

    /// Keeps no space that a flood took.
    pub(crate) fn shrink(&mut self) {
        if self.last.capacity() > FIRST {
            *self = Pushed::new();
        }
    }
}

impl<T, Y> Batch<T, Y> {
    pub(crate) fn new() -> Self {
        Batch {
            first: Vec::new(),
            later: Vec::new(),
            yielded: VecDeque::new(),
        }
    }

    /// The item that comes next.
    #[inline]
    pub(crate) fn front(&mut self) -> Option<Next<&T, &Y>> {
        if self.first.is_empty() && !self.later.is_empty() {
            self.go_on();
        }
        match self.first.last() {
            Some(item) => Some(Next::Pushed(item)),
            None => self.yielded.front().map(Next::Yielded),
        }
    }

    /// Goes to the next segment.
    #[cold]
    fn go_on(&mut self) {
        if let Some(next) = self.later.pop() {
            self.first = next;
            self.first.reverse();
        }
    }

    /// Takes the item that [`front`](Batch::front) has shown.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<Next<T, Y>> {
        match self.first.pop() {
            Some(item) => Some(Next::Pushed(item)),
            None => self.yielded.pop_front().map(Next::Yielded),
        }
    }

    pub(crate) fn push_front(&mut self, item: T) {
        self.first.push(item);
    }

    /// Adds an item behind all others.
    #[inline]
    pub(crate) fn push_yielded(&mut self, item: Y) {
        self.yielded.push_back(item);
    }

    /// Swaps its space, of a batch that is empty, for all that was pushed, which is then to be
    /// [sorted](Batch::sort).
    pub(crate) fn refill(&mut self, pushed: &mut Pushed<T>) {
        debug_assert!(self.front().is_none());
        mem::swap(&mut self.first, &mut pushed.last);
        mem::swap(&mut self.later, &mut pushed.full);
    }

    /// Puts in order what it was refilled with: apart from that, so that nobody waits for it.
    pub(crate) fn sort(&mut self) {
        if self.later.is_empty() {
            self.first.reverse();
        } else {
            self.later.push(mem::take(&mut self.first));
            self.later.reverse();
        }
    }

    /// Keeps no space that a flood took.
    pub(crate) fn shrink(&mut self) {
        if self.first.capacity() > FIRST {
            self.first = Vec::new();
        }
        self.later = Vec::new();
        self.yielded.shrink_to(KEPT);
    }

    /// Takes all items out, first to last.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Next<T, Y>> {
        let mut all = mem::replace(self, Batch::new());
        std::iter::from_fn(move || {
            all.front()?;
            all.pop_front()
        })
    }
}
