//! Items that are pushed in one place and run in another, where they get all at once.

use std::{collections::VecDeque, mem};

use arrayvec::ArrayVec;

/// How many items one segment holds. With them it is one of the small allocations, up to 128 bytes, that `glibc`
/// keeps apart: those alone can be freed on another thread while this one allocates, without either waiting.
const SEGMENT: usize = 6;

/// For how many items that want to run again a parked driver keeps space.
const KEPT: usize = 64;

/// What is pushed, in segments, the last one first. One buffer that doubles would be moved again and again in a
/// flood, into fresh pages.
#[derive(Debug)]
pub(crate) struct Pushed<T>(Chain<T>);

/// What is run: `T`s that were pushed, and then `Y`s, each of which wanted to run again.
#[derive(Debug)]
pub(crate) struct Batch<T, Y> {
    /// The first segment first, and in each the first item last.
    pushed: Chain<T>,
    yielded: VecDeque<Y>,
}

/// An item of a batch.
#[derive(Debug)]
pub(crate) enum Next<T, Y> {
    Pushed(T),
    Yielded(Y),
}

#[derive(Debug)]
struct Chain<T>(Option<Box<Segment<T>>>);

#[derive(Debug)]
struct Segment<T> {
    rest: Chain<T>,
    items: ArrayVec<T, SEGMENT>,
}

impl<T> Chain<T> {
    const EMPTY: Self = Chain(None);

    fn take(&mut self) -> Self {
        mem::replace(self, Chain::EMPTY)
    }

    #[cold]
    fn add(&mut self) -> &mut ArrayVec<T, SEGMENT> {
        let rest = self.take();
        let items = ArrayVec::new();
        let segment = self.0.insert(Box::new(Segment { rest, items }));
        &mut segment.items
    }

    /// Adds an item to the first segment.
    #[inline]
    fn push(&mut self, item: impl FnOnce() -> T) {
        let items = match &mut self.0 {
            Some(segment) if !segment.items.is_full() => &mut segment.items,
            _ => self.add(),
        };
        items.push(item());
    }

    /// Takes all segments, to be read from the other end.
    fn take_reversed(&mut self) -> Self {
        let mut rest = self.take();
        let mut reversed = Chain::EMPTY;
        while let Some(mut segment) = rest.0.take() {
            segment.items.reverse();
            rest = mem::replace(&mut segment.rest, reversed);
            reversed = Chain(Some(segment));
        }
        reversed
    }
}

impl<T> Drop for Chain<T> {
    /// One after the other, as the stack has no room for all within each other.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut segment) = next {
            next = segment.rest.0.take();
        }
    }
}

impl<T> Pushed<T> {
    pub(crate) fn new() -> Self {
        Pushed(Chain::EMPTY)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.0.as_ref().is_none_or(|last| last.items.is_empty())
    }

    #[inline]
    pub(crate) fn push(&mut self, item: impl FnOnce() -> T) {
        self.0.push(item);
    }
}

impl<T, Y> Batch<T, Y> {
    pub(crate) fn new() -> Self {
        Batch {
            pushed: Chain::EMPTY,
            yielded: VecDeque::new(),
        }
    }

    /// The item that comes next.
    #[inline]
    pub(crate) fn front(&mut self) -> Option<Next<&T, &Y>> {
        // The last segment stays, to be used again.
        while let Some(Segment { items, rest }) = self.pushed.0.as_deref_mut() {
            if !items.is_empty() || rest.0.is_none() {
                break;
            }
            self.pushed = rest.take();
        }
        match self
            .pushed
            .0
            .as_deref()
            .and_then(|first| first.items.last())
        {
            Some(item) => Some(Next::Pushed(item)),
            None => self.yielded.front().map(Next::Yielded),
        }
    }

    /// Takes the item that [`front`](Batch::front) has shown.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<Next<T, Y>> {
        let first = self.pushed.0.as_deref_mut();
        match first.and_then(|first| first.items.pop()) {
            Some(item) => Some(Next::Pushed(item)),
            None => self.yielded.pop_front().map(Next::Yielded),
        }
    }

    pub(crate) fn push_front(&mut self, item: T) {
        self.pushed.push(|| item);
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
        mem::swap(&mut self.pushed, &mut pushed.0);
    }

    /// Puts in order what it was refilled with: apart from that, so that nobody waits for it.
    pub(crate) fn sort(&mut self) {
        match self.pushed.0.as_deref_mut() {
            Some(Segment { items, rest }) if rest.0.is_none() => items.reverse(),
            _ => self.pushed = self.pushed.take_reversed(),
        }
    }

    /// Keeps no space that a flood took.
    pub(crate) fn shrink(&mut self) {
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
