//! Items that are pushed in one place and run in another, where they get all at once.

use std::{collections::VecDeque, iter, mem};

/// How many items one segment holds. It stays below a kilobyte, from which on an allocation is dear:
/// `glibc` tidies up all small ones first.
const SEGMENT: usize = 32;

/// For how many items a batch keeps space that is used up.
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

/// What is run.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    first: VecDeque<T>,
    rest: VecDeque<Vec<T>>,
}

impl<T> Batch<T> {
    pub(crate) fn new() -> Self {
        Batch {
            first: VecDeque::new(),
            rest: VecDeque::new(),
        }
    }

    pub(crate) fn of(item: T) -> Self {
        Batch {
            first: [item].into(),
            rest: VecDeque::new(),
        }
    }

    /// The item that comes first.
    #[inline]
    pub(crate) fn front(&mut self) -> Option<&T> {
        if self.first.is_empty() {
            self.first = self.rest.pop_front()?.into();
        }
        self.first.front()
    }

    /// Takes the item that [`front`](Batch::front) has shown.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        self.first.pop_front()
    }

    pub(crate) fn push_front(&mut self, item: T) {
        self.first.push_front(item);
    }

    /// Adds an item behind all others. It comes back if there is no cheap way to do that.
    #[inline]
    pub(crate) fn try_push_back(&mut self, item: T) -> Result<(), T> {
        if !self.rest.is_empty() {
            return Err(item);
        }
        self.first.push_back(item);
        Ok(())
    }

    /// Takes all that was pushed. Of this nothing is left.
    pub(crate) fn refill(&mut self, pushed: &mut Pushed<T>) {
        debug_assert!(self.first.is_empty() && self.rest.is_empty());
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
        self.first.shrink_to(KEPT);
        self.rest = VecDeque::new();
    }

    /// Takes all items out, first to last.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        let rest = mem::take(&mut self.rest).into_iter().flatten();
        mem::take(&mut self.first).into_iter().chain(rest)
    }
}
