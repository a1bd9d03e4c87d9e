//! Work that has one turn at a time, and wakers that ask for the next: invariant 11.
//!
//! Why not `async-task`: a turn of work that wakes itself takes three exchanges there, and one here, so that it
//! costs 17 ns and not 24 (`benches/queue.rs`).

use std::{
    cell::{Cell, UnsafeCell},
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    pin::Pin,
    ptr::NonNull,
    sync::Arc,
    task::{self, Poll, RawWaker, RawWakerVTable, Waker},
};

use crate::{
    context::Context,
    driver::enqueue,
    exclusive::Scope,
    outstanding::discard,
    schedule::{Last, Schedule},
    task::{Fate, Runnable},
};

/// What an item is made of.
pub(crate) trait Steps: Send + 'static {
    /// What is beside the work, for its handle.
    type Beside: Send + Sync;

    /// One turn of the work, which wakers of `cx` ask for. It does not panic.
    fn step(
        self: Pin<&mut Self>,
        beside: &Self::Beside,
        fate: Fate,
        cx: &mut task::Context<'_>,
    ) -> Poll<()>;

    /// Whose queue its turns go to.
    fn context(&self) -> Arc<dyn Context>;
}

/// The start of every item.
struct Head {
    schedule: Schedule,
    scope: Scope,
    functions: &'static Functions,
}

/// What the start of an item knows of the rest.
struct Functions {
    /// Runs the turn.
    step: unsafe fn(Owner, Fate) -> Option<Turn>,
    /// For the holder of the turn.
    context: unsafe fn(NonNull<Head>) -> Arc<dyn Context>,
    /// For its last owner, once it is over.
    free: unsafe fn(NonNull<Head>),
}

/// An item, without its work. `repr(C)`: it starts with its `Head`.
#[repr(C)]
struct Shown<X> {
    head: Head,
    beside: X,
}

/// An item. `repr(C)`: it starts with a `Shown`.
#[repr(C)]
struct Item<W: Steps> {
    shown: Shown<W::Beside>,
    /// `None` once it has ended.
    work: UnsafeCell<Option<W>>,
}

/// One of the owners of an item, all of which point to the whole allocation.
struct Owner(NonNull<Head>);

// SAFETY: as for `Arc`: what all owners see is `Sync`, and the work, which is `Send`, is reached by one at a
// time: invariant 11.
unsafe impl Send for Owner {}
// SAFETY: as above.
unsafe impl Sync for Owner {}

/// The turn of an item: the right to run its work. Dropped instead, it drops the work, here and now.
pub(crate) struct Turn(Option<Owner>);

/// An owner that sees what is beside the work.
pub(crate) struct Beside<X> {
    owner: Owner,
    // Not one: it is `Send` and `Sync`, and need not be `Unpin`.
    kind: PhantomData<fn() -> X>,
}

thread_local! {
    /// The item that this thread runs, until it is woken on this thread.
    static RUNNING: Cell<Option<NonNull<Head>>> = const { Cell::new(None) };
}

/// An item of `work`, made where it stays, and its first turn.
#[inline]
pub(crate) fn item<W: Steps>(
    scope: Scope,
    beside: W::Beside,
    work: impl FnOnce() -> W,
) -> (Turn, Beside<W::Beside>) {
    let mut item = Box::<Item<W>>::new_uninit();
    let place = item.as_mut_ptr();
    // Field by field, as the work would go through the stack on its way into a whole item.
    // SAFETY: a field of what is allocated.
    let work_place = unsafe { &raw mut (*place).work };
    // SAFETY: as above; and in memory, an `UnsafeCell` is what it holds.
    unsafe { work_place.cast::<Option<W>>().write(Some(work())) };
    // SAFETY: as above.
    let shown_place = unsafe { &raw mut (*place).shown };
    let head = Head {
        schedule: Schedule::new(2),
        scope,
        functions: Item::<W>::FUNCTIONS,
    };
    // SAFETY: as above.
    unsafe { shown_place.write(Shown { head, beside }) };
    // SAFETY: both fields are written.
    let item = NonNull::from(Box::leak(unsafe { item.assume_init() }));
    let owner = || Owner(item.cast());
    let beside = Beside {
        owner: owner(),
        kind: PhantomData,
    };
    (Turn(Some(owner())), beside)
}

impl<W: Steps> Item<W> {
    const FUNCTIONS: &'static Functions = &Functions {
        step: Self::step,
        context: Self::context,
        free: Self::free,
    };

    /// # Safety
    ///
    /// `owner` must be one of such an item, and its turn.
    unsafe fn step(owner: Owner, fate: Fate) -> Option<Turn> {
        /// The item that an outer turn on this thread runs.
        struct Outer(Option<NonNull<Head>>);
        impl Drop for Outer {
            fn drop(&mut self) {
                RUNNING.set(self.0);
            }
        }

        // SAFETY: the caller's `owner` keeps it.
        let item = unsafe { owner.0.cast::<Self>().as_ref() };
        let schedule = &item.shown.head.schedule;
        let fate = match schedule.begin() {
            false => fate,
            true => Fate::Drop,
        };
        // SAFETY: invariant 11, the caller has the turn.
        let work = unsafe { &mut *item.work.get() };
        // SAFETY: it is dropped where it is, below.
        let mut work = unsafe { Pin::new_unchecked(work) };
        let waker = ManuallyDrop::new(waker(owner.0));
        let outer = Outer(RUNNING.replace(Some(owner.0)));
        let polled = match work.as_mut().as_pin_mut() {
            Some(work) => {
                let mut cx = task::Context::from_waker(&waker);
                work.step(&item.shown.beside, fate, &mut cx)
            }
            None => Poll::Ready(()),
        };
        let was_woken = RUNNING.get() != Some(owner.0);
        drop(outer);
        if polled.is_ready() {
            work.set(None);
            schedule.end();
            return None;
        }
        (was_woken || !schedule.pause()).then(|| Turn(Some(owner)))
    }

    /// # Safety
    ///
    /// `head` must be that of such an item, whose turn the caller has.
    unsafe fn context(head: NonNull<Head>) -> Arc<dyn Context> {
        // SAFETY: the caller's turn is an owner.
        let work = unsafe { head.cast::<Self>().as_ref() }.work.get();
        // SAFETY: invariant 11.
        let work = unsafe { &*work };
        let work = work.as_ref().expect("what has a turn has not ended");
        work.context()
    }

    /// # Safety
    ///
    /// `head` must be that of such an item, of which no owner is left.
    unsafe fn free(head: NonNull<Head>) {
        // SAFETY: no owner is left. The box comes from `item`.
        drop(unsafe { Box::from_raw(head.cast::<Self>().as_ptr()) });
    }
}

impl Owner {
    #[inline]
    fn head(&self) -> &Head {
        // SAFETY: this is an owner.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn another(&self) -> Owner {
        self.head().schedule.owners.add();
        Owner(self.0)
    }

    /// Asks for a turn. True if it is the caller's.
    #[inline]
    #[must_use]
    fn wake(&self) -> bool {
        if RUNNING.get() == Some(self.0) {
            // In its own turn, which sees that when it ends.
            RUNNING.set(None);
            return false;
        }
        self.head().schedule.wake()
    }
}

impl Drop for Owner {
    #[inline]
    fn drop(&mut self) {
        if self.head().schedule.owners.remove() {
            // SAFETY: it was the last one.
            unsafe { end(self.0) };
        }
    }
}

/// # Safety
///
/// The caller must have been the last owner of the item.
unsafe fn end(head: NonNull<Head>) {
    // SAFETY: nobody else has it.
    let Head {
        schedule,
        functions,
        ..
    } = unsafe { head.as_ref() };
    match schedule.last() {
        // SAFETY: as above, and the functions are those of the item.
        Last::Free => unsafe { (functions.free)(head) },
        Last::Abandoned => Turn(Some(Owner(head))).enqueue(),
    }
}

impl Turn {
    fn owner(&self) -> &Owner {
        self.0.as_ref().expect("taken where it ends")
    }

    #[inline]
    pub(crate) fn scope(&self) -> Scope {
        self.owner().head().scope
    }

    /// Runs it. The next turn comes back if the work wants it at once.
    #[inline]
    pub(crate) fn run(mut self, fate: Fate) -> Option<Turn> {
        let owner = self.0.take()?;
        let step = owner.head().functions.step;
        // SAFETY: the functions are those of the item, and this is its turn.
        unsafe { step(owner, fate) }
    }

    fn enqueue(self) {
        let owner = self.owner();
        // SAFETY: the functions are those of the item, and this is its turn.
        let context = unsafe { (owner.head().functions.context)(owner.0) };
        enqueue(context.header(), || Runnable::Spawned(self));
        // The last owner perhaps, where the runtime is gone. Whoever wakes, or drops a waker, is none of the state's.
        discard(context);
    }
}

impl Drop for Turn {
    /// For what is left when its context is gone, on the way of a panic perhaps.
    fn drop(&mut self) {
        if let Some(owner) = self.0.take() {
            drop(Turn(Some(owner)).run(Fate::Drop));
        }
    }
}

impl<X> Beside<X> {
    /// Asks for a turn.
    pub(crate) fn wake(&self) {
        if self.owner.wake() {
            Turn(Some(self.owner.another())).enqueue();
        }
    }
}

impl<X> Deref for Beside<X> {
    type Target = X;

    fn deref(&self) -> &X {
        // SAFETY: this is an owner, made for an item with such an `X`.
        unsafe { &self.owner.0.cast::<Shown<X>>().as_ref().beside }
    }
}

/// One for all, so that `Waker::will_wake` can tell.
static WAKER: RawWakerVTable = RawWakerVTable::new(
    |head| {
        // SAFETY: wakers are owners.
        let owner = ManuallyDrop::new(unsafe { owner(head) });
        raw_waker(ManuallyDrop::new(owner.another()).0)
    },
    |head| {
        // SAFETY: this one is given up.
        let owner = unsafe { owner(head) };
        if owner.wake() {
            Turn(Some(owner)).enqueue();
        }
    },
    |head| {
        // SAFETY: this one is kept.
        let owner = ManuallyDrop::new(unsafe { owner(head) });
        if owner.wake() {
            Turn(Some(owner.another())).enqueue();
        }
    },
    // SAFETY: this one is given up.
    |head| drop(unsafe { owner(head) }),
);

/// # Safety
///
/// `head` must be from a waker's [`raw_waker`], and the result be that waker's own part in the item.
unsafe fn owner(head: *const ()) -> Owner {
    // SAFETY: it came from a `NonNull`.
    Owner(unsafe { NonNull::new_unchecked(head.cast_mut().cast()) })
}

fn raw_waker(head: NonNull<Head>) -> RawWaker {
    RawWaker::new(head.as_ptr().cast(), &WAKER)
}

/// A waker that is an owner, unless it is never dropped.
fn waker(head: NonNull<Head>) -> Waker {
    // SAFETY: the functions above are safe to call on any thread, and keep count.
    unsafe { Waker::from_raw(raw_waker(head)) }
}
