//! Items that are pushed in one place and run in another, where they get all at once.

use std::{collections::VecDeque, iter, mem};

/// How many items one segment holds. It stays below a kilobyte, from which on an allocation is dear:
/// `glibc` tidies up all small ones first.
const SEGMENT: usize = 32;

/// For how many items that want to run again a parked driver keeps space.
const KEPT: usize = 64;

/// What is pushed, in segments. One buffer that doubles would be moved again and again in a flood, into fresh
/// pages.
#[derive(Debug)]
pub(crate) struct Pushed<T> {
    full: VecDeque<Vec<T>>,
    last: Vec<T>,
}

impl<T> Pushed<T> {
    pub(crate) fn new() -> Self {
        Pushed {
            full: VecDeque::new(),
            last: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// Adds an item, which is made where it is kept: it would go through memory on its way.
    #[inline]
    pub(crate) fn push(&mut self, item: impl FnOnce() -> T) {
        if self.last.len() == SEGMENT {
            self.start_segment();
        }
        // `Vec::push` would have it in memory while it grows.
        self.last.extend(iter::once_with(item));
    }

    /// Keeps no space that a flood took.
    pub(crate) fn shrink(&mut self) {
        self.full = VecDeque::new();
    }

    #[cold]
    fn start_segment(&mut self) {
        let full = mem::replace(&mut self.last, Vec::with_capacity(SEGMENT));
        self.full.push_back(full);
    }
}

/// What is run: `T`s that were pushed, and then `Y`s, each of which wanted to run again.
#[derive(Debug)]
pub(crate) struct Batch<T, Y> {
    first: VecDeque<T>,
    rest: VecDeque<Vec<T>>,
    yielded: VecDeque<Y>,
}

/// An item of a batch.
#[derive(Debug)]
pub(crate) enum Next<T, Y> {
    Pushed(T),
    Yielded(Y),
}

impl<T, Y> Batch<T, Y> {
    pub(crate) fn new() -> Self {
        Batch {
            first: VecDeque::new(),
            rest: VecDeque::new(),
            yielded: VecDeque::new(),
        }
    }

    /// The item that comes next.
    #[inline]
    pub(crate) fn front(&mut self) -> Option<Next<&T, &Y>> {
        if self.first.is_empty() {
            match self.rest.pop_front() {
                Some(segment) => self.first = segment.into(),
                None => return self.yielded.front().map(Next::Yielded),
            }
        }
        self.first.front().map(Next::Pushed)
    }

    /// Takes the item that [`front`](Batch::front) has shown.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<Next<T, Y>> {
        match self.first.pop_front() {
            Some(item) => Some(Next::Pushed(item)),
            None => self.yielded.pop_front().map(Next::Yielded),
        }
    }

    pub(crate) fn push_front(&mut self, item: T) {
        self.first.push_front(item);
    }

    /// Adds an item behind all others.
    #[inline]
    pub(crate) fn push_yielded(&mut self, item: Y) {
        self.yielded.push_back(item);
    }

    /// Takes all that was pushed. Of this nothing is left.
    pub(crate) fn refill(&mut self, pushed: &mut Pushed<T>) {
        debug_assert!(self.front().is_none());
        let empty = mem::take(&mut self.first).into();
        let last = mem::replace(&mut pushed.last, empty);
        mem::swap(&mut self.rest, &mut pushed.full);
        self.first = match self.rest.pop_front() {
            None => last,
            Some(first) => {
                self.rest.push_back(last);
                first
            }
        }
        .into();
    }

    /// Keeps no space that a flood took.
    pub(crate) fn shrink(&mut self) {
        self.rest = VecDeque::new();
        self.yielded.shrink_to(KEPT);
    }

    /// Takes all items out, first to last.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Next<T, Y>> {
        let first = mem::take(&mut self.first).into_iter();
        let rest = mem::take(&mut self.rest).into_iter().flatten();
        let yielded = mem::take(&mut self.yielded).into_iter();
        let pushed = first.chain(rest).map(Next::Pushed);
        pushed.chain(yielded.map(Next::Yielded))
    }
}
