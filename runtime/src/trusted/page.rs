//! Room for small values that one thread makes and another one drops: invariant 12.
//!
//! Why not the allocator: two threads of which one allocates what the other one frees wait for each other, in
//! glibc's as in others, and that was half of what a post cost. And no arena of the usual crates gives its memory
//! back while others are still using some of it.
//!
//! A thread takes room from its page, one piece behind the other, and none of it twice. Whoever gives the last
//! piece back frees the page; so a piece that is kept keeps a page.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    cell::Cell,
    ptr::NonNull,
};

use crate::sync::{AtomicU32, Ordering};

/// With what most allocators put before it, this is a page of the processor. With pages of 1,000 bytes, which `glibc`
/// gives without tidying up first, a post from another thread takes 34 ns and not 20.
const PAGE: Layout = match Layout::from_size_align(4096 - 16, 16) {
    Ok(layout) => layout,
    Err(_) => panic!("it is small"),
};

/// What is larger gets an allocation of its own.
const MAX: usize = PAGE.size() / 16;

/// The start of a page.
#[repr(C, align(16))]
struct Page {
    shares: Shares,
}

/// How many owners a page has: the pieces of it, and the thread that takes them from it.
pub(crate) struct Shares(AtomicU32);

impl Shares {
    /// More than there are pieces. The thread has them at first, and gives one to each piece without an exchange.
    pub(crate) const ALL: u32 = u32::MAX;

    pub(crate) fn new() -> Self {
        Shares(AtomicU32::new(Shares::ALL))
    }

    /// Gives some up; true if there are none left.
    #[inline]
    pub(crate) fn give_up(&self, shares: u32) -> bool {
        // ORDERING: AcqRel. All that was done with a piece happens before the page is freed.
        self.0.fetch_sub(shares, Ordering::AcqRel) == shares
    }
}

/// Where a piece of room comes from: how far it is from the start of its page. None is at the start, which
/// stands for an allocation of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin(u16);

impl Origin {
    const OWN: Self = Origin(0);
}

/// The page that a thread takes pieces from.
struct Open {
    page: Cell<Option<NonNull<Page>>>,
    /// Where in it the next piece may start.
    next: Cell<usize>,
    /// How many pieces were taken.
    taken: Cell<u32>,
}

impl Open {
    /// None yet.
    const fn new() -> Self {
        Open {
            page: Cell::new(None),
            next: Cell::new(PAGE.size()),
            taken: Cell::new(0),
        }
    }

    #[inline]
    fn take(&self, layout: Layout) -> Option<(NonNull<u8>, Origin)> {
        if layout.size() > MAX || layout.align() > PAGE.align() {
            return None;
        }
        let mut start = self.next.get().next_multiple_of(layout.align());
        if start + layout.size() > PAGE.size() {
            self.turn_over();
            start = size_of::<Page>();
        }
        self.next.set(start + layout.size());
        self.taken.set(self.taken.get() + 1);
        // SAFETY: the piece lies within the page.
        let piece = unsafe { self.page.get()?.cast::<u8>().add(start) };
        Some((piece, Origin(start as u16)))
    }

    /// Goes to another page.
    #[cold]
    fn turn_over(&self) {
        self.close();
        // SAFETY: its size is not zero.
        let page = unsafe { alloc(PAGE) }.cast::<Page>();
        let page = NonNull::new(page).unwrap_or_else(|| handle_alloc_error(PAGE));
        let shares = Shares::new();
        // SAFETY: it has just been allocated, larger than its start, and as aligned.
        unsafe { page.write(Page { shares }) };
        self.page.set(Some(page));
        self.taken.set(0);
    }

    /// Leaves the page to its pieces.
    fn close(&self) {
        if let Some(page) = self.page.take() {
            self.next.set(PAGE.size());
            // SAFETY: invariant 12, these shares are this thread's.
            unsafe { give_up(page, Shares::ALL - self.taken.get()) };
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close();
    }
}

thread_local! {
    static OPEN: Open = const { Open::new() };
}

/// For loom, which does not see what the parts of a page share, and for sanitizers, which do not see where a piece
/// of it ends and when.
const ALLOCATES_EACH: bool = cfg!(any(request_context_loom, request_context_sanitized));

/// Room for a value of type `T`.
#[inline]
pub(super) fn take<T>() -> (NonNull<T>, Origin) {
    let piece = match ALLOCATES_EACH {
        true => None,
        // There is none any more while the thread ends.
        false => OPEN
            .try_with(|open| open.take(Layout::new::<T>()))
            .ok()
            .flatten(),
    };
    match piece {
        Some((piece, origin)) => {
            debug_assert!(piece.cast::<T>().is_aligned());
            (piece.cast(), origin)
        }
        None => (
            NonNull::from(Box::leak(Box::<T>::new_uninit())).cast(),
            Origin::OWN,
        ),
    }
}

/// Gives room back.
///
/// # Safety
///
/// It comes from [`take`], with this layout and origin, and is given back once, without a value in it.
#[inline]
pub(super) unsafe fn give_back(piece: NonNull<u8>, layout: Layout, origin: Origin) {
    if origin != Origin::OWN {
        // SAFETY: the caller's contract, and the pointer is one to the whole page.
        let page = unsafe { piece.sub(origin.0.into()) }.cast();
        // SAFETY: invariant 12, a piece has one share.
        unsafe { give_up(page, 1) };
    } else if layout.size() != 0 {
        // SAFETY: the caller's contract. A box has the layout of its value.
        unsafe { dealloc(piece.as_ptr(), layout) };
    }
}

/// Gives up shares of a page, which may be its end.
///
/// # Safety
///
/// They are the caller's.
#[inline]
unsafe fn give_up(page: NonNull<Page>, shares: u32) {
    // SAFETY: there is a page while there are shares of it.
    if unsafe { page.as_ref() }.shares.give_up(shares) {
        // SAFETY: those were the last ones. It comes from `turn_over`.
        unsafe { dealloc(page.as_ptr().cast(), PAGE) };
    }
}
