//! The state, and the tokens that lead a body to it: invariants 5 and 6.

use std::{
    any::{TypeId, type_name},
    cell::UnsafeCell,
    hint::assert_unchecked,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::NonNull,
    sync::Arc,
};

use super::entry::{check, hide, no_context, visible};
use crate::{
    NoContext,
    context::{Context, Header, Inner},
    home::Home,
    no_context::Hidden,
};

/// The state of a context.
pub(crate) struct OnTurn<S> {
    state: UnsafeCell<ManuallyDrop<S>>,
    /// Of a context that is bound to a thread, whose end drops the state.
    home: Option<Arc<Home>>,
}

// SAFETY: the handles of a context are `Send` whatever its state is. To own one is not to reach the
// state: `&S` is only handed out inside an entry (invariant 6), and the constructors of `Inner` bound
// `S` as its kind needs it: `Send` where the one thread that may enter changes, `Sync` too where many
// enter at once (invariant 1), and nothing where one thread alone enters, and drops the state (7).
unsafe impl<S> Send for OnTurn<S> {}
// SAFETY: as above.
unsafe impl<S> Sync for OnTurn<S> {}

impl<S> OnTurn<S> {
    pub(crate) fn new(state: S, home: Option<Arc<Home>>) -> Self {
        OnTurn {
            state: UnsafeCell::new(ManuallyDrop::new(state)),
            home,
        }
    }

    /// # Safety
    ///
    /// This thread is in an entry of the context, which outlives the reference: invariant 6.
    #[inline]
    unsafe fn get(&self) -> &S {
        // SAFETY: not written to while an entry may be made: invariant 7.
        unsafe { &*self.state.get() }
    }

    /// # Safety
    ///
    /// Once, where the state may be dropped; nothing borrows from it, or will.
    pub(super) unsafe fn drop_state(&self) {
        // SAFETY: the contract of this fn.
        let state = unsafe { &mut *self.state.get() };
        // SAFETY: as above.
        hide(Hidden::Dropping, || unsafe { ManuallyDrop::drop(state) });
    }
}

impl<S> Drop for OnTurn<S> {
    fn drop(&mut self) {
        match &self.home {
            Some(home) if home.has_ended() => return,
            Some(home) if !home.try_end() => {
                return home.report(
                    "the state is leaked, as nothing leads back there, or what may borrow from it was",
                );
            }
            _ => {}
        }
        // SAFETY: not dropped before, and not used after, as nobody owns the context any more.
        unsafe { self.drop_state() };
    }
}

/// The request context of this body: what [`context!()`](crate::context) stands for.
///
/// It dereferences to the state, is `Copy`, and may be kept across awaits; a reference taken through
/// it to a state that is not `Sync` may not, and the compiler says so at the fn. It cannot leave the
/// body: hand out [`scheduler!()`](crate::scheduler) instead.
///
/// # Panics
///
/// Using it in a `#[detached]` part, or on a thread that is not in its context (a closure given to a
/// scoped thread pool), panics at the caller.
pub struct CurrentContext<'a, S> {
    inner: NonNull<Inner<S>>,
    body: PhantomData<&'a ()>,
    state: PhantomData<fn(S) -> S>,
}

/// The request context of a body that needs one of any state: what
/// [`context!()`](crate::context) stands for under a bare `#[context_async]`.
pub struct CurrentAnyContext<'a> {
    /// Where its allocation starts; unlike a reference, it may reach all of it.
    start: NonNull<Header>,
    body: PhantomData<&'a ()>,
}

// SAFETY: every use checks that this thread has entered the context (invariant 5).
unsafe impl<S> Send for CurrentContext<'_, S> {}
// SAFETY: as above.
unsafe impl<S> Sync for CurrentContext<'_, S> {}
// SAFETY: as above; what it gives without a check (id, scheduler) is `Sync`.
unsafe impl Send for CurrentAnyContext<'_> {}
// SAFETY: as above.
unsafe impl Sync for CurrentAnyContext<'_> {}

impl<S> Clone for CurrentContext<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for CurrentContext<'_, S> {}

impl Clone for CurrentAnyContext<'_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for CurrentAnyContext<'_> {}

impl<S> Deref for CurrentContext<'_, S> {
    type Target = S;

    #[track_caller]
    #[inline]
    fn deref(&self) -> &S {
        check(self.inner.cast());
        // SAFETY: invariant 5: this context lives as long as `self`.
        let inner = unsafe { self.inner.as_ref() };
        // SAFETY: as above: this thread has entered it.
        unsafe { inner.state.get() }
    }
}

impl<S> CurrentContext<'static, S> {
    /// For the allocation itself.
    pub(crate) fn of(inner: NonNull<Inner<S>>) -> Self {
        CurrentContext {
            inner,
            body: PhantomData,
            state: PhantomData,
        }
    }
}

impl<S: 'static> CurrentContext<'_, S> {
    pub(crate) fn owner(&self) -> Arc<Inner<S>> {
        let inner = self.inner.as_ptr().cast_const();
        // SAFETY: `inner` came from the `Arc` (`Inner::new`), and the context lives: invariant 5.
        unsafe { Arc::increment_strong_count(inner) };
        // SAFETY: takes over the count of the line above.
        unsafe { Arc::from_raw(inner) }
    }
}

impl CurrentAnyContext<'static> {
    /// For the allocation itself.
    pub(crate) fn of<S>(inner: NonNull<Inner<S>>) -> Self {
        CurrentAnyContext {
            start: inner.cast(),
            body: PhantomData,
        }
    }
}

impl CurrentAnyContext<'_> {
    #[inline]
    pub(super) fn start(&self) -> NonNull<Header> {
        self.start
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the context lives: invariant 5. A header is `Sync`.
        unsafe { self.start.as_ref() }
    }

    pub(crate) fn owner(&self) -> Arc<dyn Context> {
        self.header().owner()
    }
}

/// What borrows a body, of zero size: its tokens live no longer.
#[derive(Debug)]
pub struct Anchor {
    _private: (),
}

/// # Safety
///
/// Only for a local of a body that is wrapped in a `NeedsContext` or `NeedsAnyContext`, or in a
/// `#[detached]` part of one.
pub unsafe fn anchor() -> Anchor {
    Anchor { _private: () }
}

/// The token of a body that needs a context with state `S`.
///
/// # Panics
///
/// When the body does not run on a context with state `S`.
///
/// # Safety
///
/// Only for the [`anchor`] of a body that is wrapped in `NeedsContext<S, _>`, in code that every poll of this
/// body runs itself: not in a closure, a nested block or the arguments of a macro, which someone may run in
/// another context.
#[track_caller]
#[inline]
pub unsafe fn token<S: 'static>(anchor: &Anchor) -> &CurrentContext<'_, S> {
    let _ = anchor;
    match visible_inner::<S>() {
        Some(inner) => {
            // SAFETY: the context outlives the body that the anchor borrows: invariants 4 and 5.
            let token = unsafe { &inner.as_ref().current };
            // SAFETY: `Inner::new` made it so. It saves a use that follows at once its check.
            unsafe { assert_unchecked(token.inner == inner) };
            token
        }
        None => started_off_its_context(type_name::<S>()),
    }
}

#[track_caller]
#[cold]
fn started_off_its_context(wanted: &'static str) -> ! {
    let why = no_context(wanted);
    panic!("a `#[context_async]` body was started off its context: {why}")
}

/// The token of a body that needs a context with any state.
///
/// # Panics
///
/// When the body does not run on a context.
///
/// # Safety
///
/// Only for the [`anchor`] of a body that is wrapped in `NeedsAnyContext<_>`, and where [`token`] may be.
#[track_caller]
pub unsafe fn any_token(anchor: &Anchor) -> &CurrentAnyContext<'_> {
    let _ = anchor;
    match visible() {
        // SAFETY: the context outlives the body that the anchor borrows: invariants 4 and 5.
        Some(header) => &unsafe { header.as_ref() }.current,
        None => started_off_its_context("any"),
    }
}

/// The context that is visible here, if its state is an `S`.
#[inline]
fn visible_inner<S: 'static>() -> Option<NonNull<Inner<S>>> {
    let start = visible()?;
    // SAFETY: invariant 2, the entry on top is ours until this fn returns.
    let header = unsafe { start.as_ref() };
    let fits = header.state_type == TypeId::of::<S>();
    // The type id stands for the type of the allocation.
    fits.then(|| start.cast())
}

/// Runs `work` on the state of the context that is visible here.
pub(crate) fn with_state<S: 'static, R>(work: impl FnOnce(&S) -> R) -> Result<R, NoContext> {
    let inner = visible_inner::<S>().ok_or_else(|| no_context(type_name::<S>()))?;
    // SAFETY: the entry on top is that of this context, and stays until `work` has returned:
    // invariants 1 and 2.
    let inner = unsafe { inner.as_ref() };
    // SAFETY: as above.
    let state = unsafe { inner.state.get() };
    Ok(work(state))
}

/// A new owner of the context that is visible here.
pub(crate) fn current<S: 'static>() -> Result<Arc<Inner<S>>, NoContext> {
    let inner = visible_inner::<S>().ok_or_else(|| no_context(type_name::<S>()))?;
    // SAFETY: `current` points into the `Arc` the context was made in, and invariant 2 keeps it.
    Ok(unsafe { inner.as_ref() }.current.owner())
}

/// Both kinds of token.
pub trait Token<'a> {
    /// The state that work attached by it may need.
    type State: ?Sized;
    #[doc(hidden)]
    fn any(&self) -> CurrentAnyContext<'a>;
}

impl<'a, S: 'static> Token<'a> for CurrentContext<'a, S> {
    type State = S;

    fn any(&self) -> CurrentAnyContext<'a> {
        // SAFETY: the context lives for `'a`: invariant 5.
        unsafe { self.inner.as_ref() }.header.current
    }
}

impl<'a> Token<'a> for CurrentAnyContext<'a> {
    type State = crate::__private::AnyState;

    fn any(&self) -> CurrentAnyContext<'a> {
        *self
    }
}
