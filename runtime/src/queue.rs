//! The queue of a context: work that is ready for a turn, in the order it came.

use std::{collections::VecDeque, mem};

use crate::sync::{Mutex, lock};

/// First in, first out, with the one rule that makes a driver exist exactly while there is work:
/// whoever pushes onto an undriven queue must start a driver, and only an empty queue is retired.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    shared: Mutex<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    items: VecDeque<T>,
    driven: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Queue {
            shared: Mutex::new(Shared {
                items: VecDeque::new(),
                driven: false,
            }),
        }
    }

    /// Adds an item. True if the queue had no driver: the caller starts one.
    #[must_use]
    pub(crate) fn push(&self, item: T) -> bool {
        let mut shared = lock(&self.shared);
        shared.items.push_back(item);
        !mem::replace(&mut shared.driven, true)
    }

    /// For the driver, whose `batch` is empty: swaps all items into it. False if there are none, and
    /// then the queue is without a driver: this one must end.
    #[must_use]
    pub(crate) fn refill(&self, batch: &mut VecDeque<T>) -> bool {
        let mut shared = lock(&self.shared);
        shared.driven = !shared.items.is_empty();
        if shared.driven {
            mem::swap(&mut shared.items, batch);
        }
        shared.driven
    }
}
