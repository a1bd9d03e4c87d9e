//! A value with two owners: invariant 10.

use std::{alloc::Layout, mem::ManuallyDrop, ops::Deref, ptr::NonNull};

use super::page::{self, Origin};
use crate::{
    post::{Awaited, Job},
    sync::{AtomicBool, Ordering},
};

struct Pair<T: ?Sized> {
    origin: Origin,
    /// Whether one of the owners is gone.
    halved: AtomicBool,
    value: T,
}

/// One of the two owners of a value.
///
/// Why not `Arc`: one exchange for its second owner, and two more for whoever wants the value back, are a
/// quarter of what a post costs. Here the last of two needs none.
pub(crate) struct Half<T: ?Sized> {
    pair: NonNull<Pair<T>>,
}

// SAFETY: as for `Arc`: the value is reached from the threads of both, and dropped on that of the last.
unsafe impl<T: ?Sized + Send + Sync> Send for Half<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for Half<T> {}

/// The two owners of a value, which is made where it stays.
#[inline]
pub(crate) fn halves<T>(value: impl FnOnce() -> T) -> [Half<T>; 2] {
    let (pair, origin) = page::take::<Pair<T>>();
    let halved = AtomicBool::new(false);
    let value = value();
    // SAFETY: it is room for a pair.
    unsafe {
        pair.write(Pair {
            origin,
            halved,
            value,
        });
    }
    [Half { pair }, Half { pair }]
}

impl<T> Half<T> {
    /// For the queue.
    #[inline]
    pub(crate) fn into_job(self) -> Half<dyn Job>
    where
        T: Job + 'static,
    {
        Half {
            pair: ManuallyDrop::new(self).pair,
        }
    }

    /// For the handle.
    #[inline]
    pub(crate) fn into_awaited<R>(self) -> Half<dyn Awaited<R>>
    where
        T: Awaited<R> + 'static,
    {
        Half {
            pair: ManuallyDrop::new(self).pair,
        }
    }
}

impl<T: ?Sized> Half<T> {
    /// Whether the other owner is gone.
    #[inline]
    fn is_last(&self) -> bool {
        // SAFETY: invariant 10, this is an owner.
        let halved = unsafe { &(*self.pair.as_ptr()).halved };
        // ORDERING: Acquire pairs with the Release in `drop`: what the other one did with the value happens
        // before what its last owner does.
        halved.load(Ordering::Acquire)
    }

    /// For the last owner, which then drops the pair.
    #[inline]
    fn room(&self) -> Room {
        // SAFETY: invariant 10, this is an owner.
        let pair = unsafe { self.pair.as_ref() };
        Room {
            piece: self.pair.cast(),
            layout: Layout::for_value(pair),
            origin: pair.origin,
        }
    }

    /// The value, if this is its last owner.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        let last = self.is_last();
        // SAFETY: invariant 10, there is no other owner, and this one is borrowed.
        last.then(|| unsafe { &mut (*self.pair.as_ptr()).value })
    }
}

impl<T: ?Sized> Deref for Half<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: invariant 10, this is an owner; and `get_mut` of the other one waits for its end.
        unsafe { &(*self.pair.as_ptr()).value }
    }
}

impl<T: ?Sized> Drop for Half<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: invariant 10, this is an owner until the exchange.
        let halved = unsafe { &(*self.pair.as_ptr()).halved };
        // ORDERING: AcqRel, as in `is_last`, for both who come first and last.
        if self.is_last() || halved.swap(true, Ordering::AcqRel) {
            let _room = self.room();
            // SAFETY: invariant 10, the other owner is gone.
            unsafe { self.pair.drop_in_place() };
        }
    }
}

/// What is left of a pair when it has been dropped, also if that panicked.
struct Room {
    piece: NonNull<u8>,
    layout: Layout,
    origin: Origin,
}

impl Drop for Room {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: invariant 10, nobody uses it any more. It comes from `halves`.
        unsafe { page::give_back(self.piece, self.layout, self.origin) };
    }
}
