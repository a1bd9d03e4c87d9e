//! A job that is queued, and what it shares with its handle: invariant 10.

use std::{
    alloc::Layout, cell::UnsafeCell, mem::ManuallyDrop, ops::Deref, ptr::NonNull, task::Waker,
};

use super::page::{self, Origin};
use crate::{
    context::Header,
    exclusive::Scope,
    sync::{AtomicBool, Ordering},
    task::Fate,
};

/// What is done once, in its turn.
pub(crate) trait Job: Send + 'static {
    /// What it shares with its handle.
    type Shared: Send + Sync;

    /// Its place in the exclusive work of its context.
    fn scope(&self) -> Scope;

    /// Does it, or drops it, where that is its `Fate`. `alone` says that the handle is gone. Returns who is to be
    /// woken.
    fn end(self, shared: &Self::Shared, alone: bool, context: &Header, fate: Fate)
    -> Option<Waker>;
}

/// The start of every pair.
struct Head {
    origin: Origin,
    /// Whether one of the owners is gone.
    halved: AtomicBool,
}

/// `repr(C)`: it starts with its `Head`.
#[repr(C)]
struct Pair<J: Job> {
    head: Head,
    shared: J::Shared,
    /// `None` once it has ended. It is that of the `Queued` half.
    job: UnsafeCell<Option<J>>,
}

/// What the queue's half does with a pair.
trait Ends {
    /// # Safety
    ///
    /// The caller has the `Queued` half.
    unsafe fn scope(&self) -> Scope;

    /// # Safety
    ///
    /// The caller has the `Queued` half.
    unsafe fn end(&self, alone: bool, context: &Header, fate: Fate) -> Option<Waker>;
}

/// What the handle's half sees of a pair.
trait Shows<X> {
    fn shared(&self) -> &X;
    fn shared_mut(&mut self) -> &mut X;
}

impl<J: Job> Ends for Pair<J> {
    unsafe fn scope(&self) -> Scope {
        // SAFETY: the caller's contract: the job is theirs.
        let job = unsafe { &*self.job.get() };
        job.as_ref().map_or(Scope::Ordinary, J::scope)
    }

    #[inline]
    unsafe fn end(&self, alone: bool, context: &Header, fate: Fate) -> Option<Waker> {
        // SAFETY: as above.
        let job = unsafe { &mut *self.job.get() };
        job.take()?.end(&self.shared, alone, context, fate)
    }
}

impl<J: Job> Shows<J::Shared> for Pair<J> {
    fn shared(&self) -> &J::Shared {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut J::Shared {
        &mut self.shared
    }
}

/// The half of the queue: the right to do the job. Dropped instead, it leaves the job to be dropped with the pair.
pub(crate) struct Queued(Half<dyn Ends>);

/// The half of the handle.
pub(crate) struct Awaited<X>(Half<dyn Shows<X>>);

// SAFETY: the job, which is `Send`, is reached by this half alone, or dropped by the last one of the two; and what
// it shares is `Send` and `Sync`.
unsafe impl Send for Queued {}
// SAFETY: as above.
unsafe impl<X: Send + Sync> Send for Awaited<X> {}
// SAFETY: what a reference to it reaches is what is shared.
unsafe impl<X: Send + Sync> Sync for Awaited<X> {}

/// A job and what it shares with its handle, both made where they stay.
#[inline]
pub(crate) fn pair<J: Job>(
    shared: impl FnOnce() -> J::Shared,
    job: impl FnOnce() -> J,
) -> (Queued, Awaited<J::Shared>) {
    let [queued, awaited] = halves(shared, job).map(ManuallyDrop::new);
    (Queued(Half(queued.0)), Awaited(Half(awaited.0)))
}

/// For models: both halves, of which none does the job.
#[cfg(all(test, request_context_loom))]
pub(crate) fn two_awaited<J: Job>(
    shared: impl FnOnce() -> J::Shared,
    job: impl FnOnce() -> J,
) -> [Awaited<J::Shared>; 2] {
    halves(shared, job).map(|half| Awaited(Half(ManuallyDrop::new(half).0)))
}

/// The two owners of a pair.
#[inline]
fn halves<J: Job>(
    shared: impl FnOnce() -> J::Shared,
    job: impl FnOnce() -> J,
) -> [Half<Pair<J>>; 2] {
    let (pair, origin) = page::take::<Pair<J>>();
    let halved = AtomicBool::new(false);
    let head = Head { origin, halved };
    let made = Pair {
        head,
        shared: shared(),
        job: UnsafeCell::new(Some(job())),
    };
    // SAFETY: it is room for a pair.
    unsafe { pair.write(made) };
    [Half(pair), Half(pair)]
}

impl Queued {
    pub(crate) fn scope(&self) -> Scope {
        // SAFETY: it is this half.
        unsafe { self.0.pair().scope() }
    }

    /// Does the job, or drops it, where that is its `Fate`. Then this half is gone, and who is woken comes back.
    #[inline]
    pub(crate) fn end(self, context: &Header, fate: Fate) -> Option<Waker> {
        // SAFETY: it is this half.
        unsafe { self.0.pair().end(self.0.is_last(), context, fate) }
    }
}

impl<X> Awaited<X> {
    /// What is shared, if the job has ended and nobody else reaches it.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut X> {
        self.0.get_mut().map(Shows::shared_mut)
    }
}

impl<X> Deref for Awaited<X> {
    type Target = X;

    fn deref(&self) -> &X {
        self.0.pair().shared()
    }
}

/// One of the two owners of a pair. `P` is a `Pair`.
///
/// Why not `Arc`: one exchange for its second owner, and two more for whoever wants the value back, are a
/// quarter of what a post costs. Here the last of two needs none.
struct Half<P: ?Sized>(NonNull<P>);

impl<P: ?Sized> Half<P> {
    #[inline]
    fn pair(&self) -> &P {
        // SAFETY: invariant 10, this is an owner; and `get_mut` of the other one waits for its end.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn head(&self) -> &Head {
        // SAFETY: as above, and a pair starts with its head.
        unsafe { self.0.cast::<Head>().as_ref() }
    }

    /// Whether the other owner is gone.
    #[inline]
    fn is_last(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `drop`: what the other one did with the pair happens before
        // what its last owner does.
        self.head().halved.load(Ordering::Acquire)
    }

    /// The pair, if this is its last owner.
    #[inline]
    fn get_mut(&mut self) -> Option<&mut P> {
        match self.is_last() {
            // SAFETY: invariant 10, there is no other owner, and this one is borrowed.
            true => Some(unsafe { self.0.as_mut() }),
            false => None,
        }
    }

    /// For the last owner, which then drops the pair.
    #[inline]
    fn room(&self) -> Room {
        Room {
            piece: self.0.cast(),
            layout: Layout::for_value(self.pair()),
            origin: self.head().origin,
        }
    }
}

impl<P: ?Sized> Drop for Half<P> {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: AcqRel, as in `is_last`, for both who come first and last.
        if self.is_last() || self.head().halved.swap(true, Ordering::AcqRel) {
            let _room = self.room();
            // SAFETY: invariant 10, the other owner is gone.
            unsafe { self.0.drop_in_place() };
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
