//! The only `unsafe` code of the crate: this thread's stack of entries, the token, and the futures
//! that may only be polled inside a context.
//!
//! # Invariants
//!
//! 1. An [`Entry`] of a context is on this thread's stack only while this thread holds that
//!    context's turn: [`enter`] takes a [`Held`] as proof, and only a closure's run keeps it there.
//! 2. The holder of that `Held` keeps the context alive, so the header an entry points to lives at
//!    least as long as the entry.
//! 3. The stack is a list through the stack frames of the `enter` calls: what is below an entry
//!    outlives it.
//! 4. A body's raw future is polled only by [`Root`], which owns the context and drops the body
//!    first, or inside an [`Attached`] future, which borrows the body it was attached in. At every
//!    poll, both check that their own context is on top of the stack, or have just put it there.
//! 5. A token points to its context's allocation, and borrows the body that made it; so with 4 it
//!    cannot outlive the context. Every use checks that this thread has entered that context.
//! 6. `&S` is only handed out by uses of 5 and by [`with_state`], under the turn of its context. It
//!    is not `Send` when `S` is not `Sync`, and so stays in that turn.

use std::{
    any::{TypeId, type_name},
    cell::Cell,
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    panic::Location,
    pin::Pin,
    ptr::{self, NonNull},
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};

use pin_project_lite::pin_project;

use crate::{
    NeedsAnyContext, NeedsContext, NoContext,
    context::{Context, Header, Held, Inner},
    no_context::Hidden,
    waiters::Place,
};

// ---------------------------------------------------------------- the stack of entries

/// One context, or one detached stretch, that this thread is in.
pub(crate) struct Entry {
    /// `None` for a detached stretch.
    header: Option<NonNull<Header>>,
    hidden: Cell<Option<Hidden>>,
    /// Whether what runs is outstanding work of the context.
    counted: bool,
    /// Outstanding work that ended in this entry; [`enter`] reports it when it is over.
    ended: Cell<usize>,
    below: Option<NonNull<Entry>>,
}

// Not `scoped-tls`: from another crate its slot is reached through two pointers and a lazy state, which
// made a body that names its context 1.22 times a plain one, and this 1.1 (`benches/nesting.rs`).
thread_local! {
    /// This thread's innermost entry.
    static TOP: Cell<Option<NonNull<Entry>>> = const { Cell::new(None) };
}

/// Runs `work` with `entry`, whose `below` is `TOP`, on top of the stack.
#[inline]
fn on_top<R>(entry: &Entry, work: impl FnOnce() -> R) -> R {
    /// Takes the entry off the stack, also when `work` panics.
    struct TakeOff(Option<NonNull<Entry>>);
    impl Drop for TakeOff {
        #[inline]
        fn drop(&mut self) {
            TOP.set(self.0);
        }
    }
    TOP.set(Some(NonNull::from(entry)));
    let _take_off = TakeOff(entry.below);
    work()
}

/// The first entry of this thread, from the innermost out, for which `look` finds something. `look`
/// must not run user code.
#[inline]
fn find<R>(mut look: impl FnMut(&Entry) -> Option<R>) -> Option<R> {
    let mut next = TOP.get();
    while let Some(entry) = next {
        // SAFETY: invariant 3, what is on the stack outlives `look`.
        let entry = unsafe { entry.as_ref() };
        if let Some(found) = look(entry) {
            return Some(found);
        }
        next = entry.below;
    }
    None
}

/// The innermost entry, while `look` runs. It must not run user code.
#[inline]
fn top<R>(look: impl FnOnce(Option<&Entry>) -> R) -> R {
    // SAFETY: invariant 3, what is on the stack outlives `look`.
    look(TOP.get().map(|entry| unsafe { entry.as_ref() }))
}

impl Entry {
    fn is(&self, header: *const Header) -> bool {
        self.header
            .is_some_and(|mine| ptr::eq(mine.as_ptr(), header))
    }
}

/// Runs `work` as a turn, or part of a turn, of the context whose turn is `held`: the one way in.
#[inline]
pub(crate) fn enter<R>(held: &Held<'_>, counted: bool, work: impl FnOnce() -> R) -> R {
    /// Runs after `work` and after what it left has been dropped, also when it panics.
    struct Ended<'a>(&'a Header, &'a Cell<usize>);
    impl Drop for Ended<'_> {
        #[inline]
        fn drop(&mut self) {
            let ended = self.1.get();
            if ended != 0 {
                self.0.outstanding.end(ended);
            }
        }
    }

    let header = held.header();
    let entry = Entry {
        header: Some(NonNull::from(header)),
        hidden: Cell::new(None),
        counted,
        ended: Cell::new(0),
        below: TOP.get(),
    };
    let _ended = Ended(header, &entry.ended);
    on_top(&entry, work)
}

/// Runs `work` where no context is visible.
pub(crate) fn hide<R>(hidden: Hidden, work: impl FnOnce() -> R) -> R {
    let entry = Entry {
        header: None,
        hidden: Cell::new(Some(hidden)),
        counted: false,
        ended: Cell::new(0),
        below: TOP.get(),
    };
    on_top(&entry, work)
}

/// Whether this thread holds the turn of the context of `header`, visibly or not.
#[inline]
pub(crate) fn holds(header: &Header) -> bool {
    find(|entry| entry.is(header).then_some(())).is_some()
}

/// Whether this thread runs outstanding work of the context of `header`.
pub(crate) fn runs_work_of(header: &Header) -> bool {
    find(|entry| (entry.counted && entry.is(header)).then_some(())).is_some()
}

/// Leaves the end of one piece of work of `header` to the entry it ends in. False if there is none.
pub(crate) fn ends_in_entry(header: &Header) -> bool {
    let noted = |entry: &Entry| entry.ended.set(entry.ended.get() + 1);
    find(|entry| entry.is(header).then(|| noted(entry))).is_some()
}

/// The first context whose turn this thread holds for which `look` finds something. `look` must not
/// run user code.
pub(crate) fn find_held<R>(mut look: impl FnMut(&Header) -> Option<R>) -> Option<R> {
    find(|entry| {
        // SAFETY: invariant 2, the header outlives its entry.
        look(unsafe { entry.header?.as_ref() })
    })
}

/// Runs `work`, and leaves the innermost entry as visible or hidden as it was.
fn shielded(work: impl FnOnce()) {
    /// Restores also when `work` panics.
    struct Restore(Option<Hidden>);
    impl Drop for Restore {
        fn drop(&mut self) {
            top(|top| {
                if let Some(entry) = top {
                    entry.hidden.set(self.0);
                }
            });
        }
    }
    let _restore = Restore(top(|top| top.and_then(|entry| entry.hidden.get())));
    work();
}

/// The context that is visible here.
#[inline]
fn visible() -> Option<NonNull<Header>> {
    top(|top| top.and_then(|entry| entry.header.filter(|_| entry.hidden.get().is_none())))
}

/// The context that is visible here, if its state is an `S`.
#[inline]
fn visible_inner<S: 'static>() -> Option<NonNull<Inner<S>>> {
    // SAFETY: invariant 2, the entry on top is ours until this fn returns.
    let header = unsafe { visible()?.as_ref() };
    let fits = header.state_type == TypeId::of::<S>();
    // The type id stands for the type of the allocation.
    fits.then(|| header.current.start.cast())
}

/// Why no context is visible here, or why its state is not the one called `wanted`.
#[cold]
fn no_context(wanted: &'static str) -> NoContext {
    top(
        |top| match top.map(|entry| (entry.hidden.get(), entry.header)) {
            Some((Some(hidden), _)) => NoContext::hidden(hidden),
            Some((None, Some(header))) => {
                // SAFETY: invariant 2, the header outlives its entry.
                let found = unsafe { header.as_ref() };
                NoContext::other_state(wanted, (found.state_name)())
            }
            Some((None, None)) | None => NoContext::NEVER,
        },
    )
}

/// Runs `work` on the state of the context that is visible here.
pub(crate) fn with_state<S: 'static, R>(work: impl FnOnce(&S) -> R) -> Result<R, NoContext> {
    let inner = visible_inner::<S>().ok_or_else(|| no_context(type_name::<S>()))?;
    // SAFETY: the entry on top is that of this context, and stays until `work` has returned:
    // invariants 1 and 2.
    let state = unsafe { &inner.as_ref().state.0 };
    Ok(work(state))
}

/// A new owner of the context that is visible here.
pub(crate) fn current<S: 'static>() -> Result<Arc<Inner<S>>, NoContext> {
    let inner = visible_inner::<S>().ok_or_else(|| no_context(type_name::<S>()))?;
    // SAFETY: `current` points into the `Arc` the context was made in, and invariant 2 keeps it.
    Ok(unsafe { inner.as_ref() }.current.owner())
}

// ---------------------------------------------------------------- the state and its tokens

/// The state of a context that serves one thread at a time.
pub(crate) struct OnTurn<S>(ManuallyDrop<S>);

// SAFETY: `&S` is only handed out under the turn (invariant 6), one thread at a time, which `Send` allows.
unsafe impl<S: Send> Sync for OnTurn<S> {}

impl<S> OnTurn<S> {
    pub(crate) fn new(state: S) -> Self {
        OnTurn(ManuallyDrop::new(state))
    }
}

impl<S> Drop for OnTurn<S> {
    fn drop(&mut self) {
        // SAFETY: dropped here and nowhere else, and not used after.
        hide(Hidden::Dropping, || unsafe {
            ManuallyDrop::drop(&mut self.0);
        });
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

/// Panics unless this thread has entered the context of `header`, visibly from here.
#[track_caller]
#[inline]
fn check(header: *const Header) {
    let on_top =
        top(|top| top.is_some_and(|entry| entry.is(header) && entry.hidden.get().is_none()));
    if !on_top {
        check_below(header);
    }
}

/// The context may also be visible below entries of other contexts, but not through a hidden one.
#[track_caller]
#[cold]
fn check_below(header: *const Header) {
    let found = find(|entry| match entry.hidden.get() {
        Some(hidden) => Some(Err(hidden)),
        None => entry.is(header).then_some(Ok(())),
    });
    match found {
        Some(Ok(())) => {}
        Some(Err(hidden)) => panic!("this request context is used where it is hidden: {hidden}"),
        None => panic!(
            "this request context is used on a thread that is not in it; \
             read what you need from it before you hand work to other threads"
        ),
    }
}

impl<S> Deref for CurrentContext<'_, S> {
    type Target = S;

    #[track_caller]
    #[inline]
    fn deref(&self) -> &S {
        check(self.inner.as_ptr().cast());
        // SAFETY: invariant 5: this thread has entered this context, which lives as long as `self`.
        unsafe { &self.inner.as_ref().state.0 }
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
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the context lives: invariant 5. A header is `Sync`.
        unsafe { self.start.as_ref() }
    }

    pub(crate) fn owner(&self) -> Arc<dyn Context> {
        let owner = self.header().owner.0.as_ptr().cast_const();
        // SAFETY: `owner` came from the `Arc` (`Inner::new`), and the context lives: invariant 5.
        unsafe { Arc::increment_strong_count(owner) };
        // SAFETY: takes over the count of the line above.
        unsafe { Arc::from_raw(owner) }
    }
}

/// A context's pointer to itself, from which new owners are made.
pub(crate) struct Owner(NonNull<dyn Context>);

// SAFETY: only used as the `Arc<dyn Context>` it came from, which is both.
unsafe impl Send for Owner {}
// SAFETY: as above.
unsafe impl Sync for Owner {}

impl Owner {
    pub(crate) fn of(inner: NonNull<dyn Context>) -> Self {
        Owner(inner)
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
/// When the body does not start on a context with state `S`.
///
/// # Safety
///
/// Only for the [`anchor`] of a body that is wrapped in `NeedsContext<S, _>`.
#[track_caller]
#[inline]
pub unsafe fn token<S: 'static>(anchor: &Anchor) -> &CurrentContext<'_, S> {
    let _ = anchor;
    match visible_inner::<S>() {
        // SAFETY: the context outlives the body that the anchor borrows: invariants 4 and 5.
        Some(inner) => unsafe { &inner.as_ref().current },
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
/// When the body does not start on a context.
///
/// # Safety
///
/// Only for the [`anchor`] of a body that is wrapped in `NeedsAnyContext<_>`.
#[track_caller]
pub unsafe fn any_token(anchor: &Anchor) -> &CurrentAnyContext<'_> {
    let _ = anchor;
    match visible() {
        // SAFETY: the context outlives the body that the anchor borrows: invariants 4 and 5.
        Some(header) => &unsafe { header.as_ref() }.current,
        None => started_off_its_context("any"),
    }
}

// ---------------------------------------------------------------- what runs on a context

/// What can run on a context with state `S`: a call of a `#[context_async(S)]` fn, of a bare
/// `#[context_async]` fn, a `context_block!`, or any ordinary future.
///
/// Implemented for these and for nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot run on a request context with state `{S}`",
    label = "needs a request context with another state than `{S}`",
    note = "a fn that works with more than one state can be generic over it: \
            `#[context_async(C)] async fn f<C: HasUser>()`, or take none: `#[context_async]`"
)]
pub trait Work<S: ?Sized>: Sized {
    /// What the work results in.
    type Output;
    /// The work itself, polled on the context only. Named in bounds: `W::Future: Send + 'static`.
    type Future: Future<Output = Self::Output>;
    /// The work as an ordinary future that lives no longer than the body it is attached to.
    #[doc(hidden)]
    type Bound<'a>: Future<Output = Self::Output>
    where
        S: 'a;

    /// # Safety
    ///
    /// The future must be polled only as invariant 4 says.
    #[doc(hidden)]
    unsafe fn into_raw(self) -> Self::Future;

    /// # Safety
    ///
    /// `token` must be that of the body which the result does not leave, with state `S`.
    #[doc(hidden)]
    unsafe fn bind<'a>(self, token: CurrentAnyContext<'a>) -> Self::Bound<'a>
    where
        S: 'a;
}

/// `T: IsState<T>`, and nothing else.
pub trait IsState<T> {}

impl<T> IsState<T> for T {}

impl<S: ?Sized, T: IntoFuture> Work<S> for T {
    type Output = T::Output;
    type Future = T::IntoFuture;
    type Bound<'a>
        = T::IntoFuture
    where
        S: 'a;

    unsafe fn into_raw(self) -> T::IntoFuture {
        self.into_future()
    }

    unsafe fn bind<'a>(self, _: CurrentAnyContext<'a>) -> T::IntoFuture
    where
        S: 'a,
    {
        self.into_future()
    }
}

// For every state, and bounded to the one that fits: with two candidates rustc stops here, with the
// message of `Work`, and does not go on to say that there is no context.
impl<S: ?Sized + IsState<T>, T, F: Future> Work<S> for NeedsContext<T, F> {
    type Output = F::Output;
    type Future = F;
    type Bound<'a>
        = Attached<'a, F>
    where
        S: 'a;

    unsafe fn into_raw(self) -> F {
        self.body
    }

    unsafe fn bind<'a>(self, token: CurrentAnyContext<'a>) -> Attached<'a, F>
    where
        S: 'a,
    {
        Attached {
            body: ManuallyDrop::new(self.body),
            token,
        }
    }
}

impl<S: ?Sized, F: Future> Work<S> for NeedsAnyContext<F> {
    type Output = F::Output;
    type Future = F;
    type Bound<'a>
        = Attached<'a, F>
    where
        S: 'a;

    unsafe fn into_raw(self) -> F {
        self.body
    }

    unsafe fn bind<'a>(self, token: CurrentAnyContext<'a>) -> Attached<'a, F>
    where
        S: 'a,
    {
        Attached {
            body: ManuallyDrop::new(self.body),
            token,
        }
    }
}

pin_project! {
    /// Work bound to the body it was attached in: an ordinary future that cannot leave it.
    ///
    /// # Panics
    ///
    /// Polling it where its context is detached, or on a thread that is not in it, panics.
    #[must_use = "futures do nothing unless polled"]
    pub struct Attached<'a, F> {
        #[pin]
        body: ManuallyDrop<F>,
        token: CurrentAnyContext<'a>,
    }

    impl<F> PinnedDrop for Attached<'_, F> {
        // A body dropped inside a detached part of its own must not end one of ours.
        fn drop(this: Pin<&mut Self>) {
            // SAFETY: dropped in place below, and not moved.
            let body = unsafe { this.project().body.get_unchecked_mut() };
            // SAFETY: dropped here and nowhere else, and not used after.
            shielded(|| unsafe { ManuallyDrop::drop(body) });
        }
    }
}

impl<F: Future> Future for Attached<'_, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        check(this.token.header());
        // SAFETY: `F` is pinned where its `ManuallyDrop` is, and dropped there.
        let body = unsafe { this.body.map_unchecked_mut(|body| &mut **body) };
        body.poll(cx)
    }
}

impl<F> fmt::Debug for Attached<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attached").field(&self.token).finish()
    }
}

pin_project! {
    /// Work that entered a context from outside, and the context it keeps alive.
    pub(crate) struct Root<C: ?Sized, F> {
        // Before the context: a body is dropped while its context lives.
        #[pin]
        body: Option<F>,
        context: Arc<C>,
    }
}

impl<C: Context + ?Sized, F: Future> Root<C, F> {
    pub(crate) fn new<S: ?Sized>(context: Arc<C>, work: impl Work<S, Future = F>) -> Self {
        Root {
            // SAFETY: polled by `poll` below, which checks, and by nothing else.
            body: Some(unsafe { work.into_raw() }),
            context,
        }
    }
}

impl<C: Context + ?Sized, F: Future> Future for Root<C, F> {
    type Output = F::Output;

    /// Polls the body. The caller has entered the context.
    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        check(this.context.header());
        this.body
            .as_pin_mut()
            .expect("polled after it was dropped")
            .poll(cx)
    }
}

impl<C: Context + ?Sized, F: Future> Root<C, F> {
    /// Polls the body in a turn of its own, or leaves a waker at `place`. Drops it when it is ready.
    #[inline]
    pub(crate) fn poll_as_turn(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        place: &mut Option<Place>,
    ) -> Poll<F::Output> {
        let this = self.project();
        let mut body = this.body;
        let held = ready!(this.context.header().poll_turn(cx, place));
        enter(&held, false, || {
            let work = body.as_mut().as_pin_mut();
            let output = ready!(work.expect("`run` was polled after it was ready").poll(cx));
            body.set(None);
            Poll::Ready(output)
        })
    }
}

impl<C: ?Sized, F> Root<C, F> {
    pub(crate) fn is_done(&self) -> bool {
        self.body.is_none()
    }

    pub(crate) fn context(&self) -> &Arc<C> {
        &self.context
    }

    /// Drops the body, in the context if the caller has entered it.
    pub(crate) fn drop_body(self: Pin<&mut Self>) {
        self.project().body.set(None);
    }
}

// ---------------------------------------------------------------- what generated code calls

/// The right to await context work in place, which only the body of a context fn has.
#[derive(Debug)]
pub struct Inside<S: ?Sized>(PhantomData<fn(Box<S>) -> Box<S>>);

/// # Safety
///
/// Only in a body wrapped in `NeedsContext<S, _>` (or `NeedsAnyContext<_>` for [`AnyState`]); what
/// its `call` returns is awaited at once, in that body itself.
///
/// [`AnyState`]: crate::__private::AnyState
pub unsafe fn inside<S: ?Sized>() -> Inside<S> {
    Inside(PhantomData)
}

impl<S: ?Sized> Inside<S> {
    /// The future of work that is awaited at once.
    ///
    /// `F` is a parameter so that wrong work is one error, here, and not another at the `.await`.
    #[inline]
    pub fn call<T, F>(self, work: T) -> F
    where
        T: Work<S, Future = F>,
    {
        // SAFETY: the contract of `inside`: awaited at once in a body with state `S`, which is polled
        // on its context, and so is this.
        unsafe { work.into_raw() }
    }

    /// An await of a `#[detached]` part. `F` and `O` are parameters for the same reason.
    #[inline]
    pub fn detached<T, F, O>(self, part: &DetachedPart, work: T) -> DetachedAwait<'_, F, O>
    where
        T: IntoFuture<IntoFuture = F, Output = O>,
        F: Future<Output = O>,
    {
        DetachedAwait {
            work: work.into_future(),
            part,
            output: PhantomData,
        }
    }
}

/// The right to attach work to the body whose token it holds.
#[derive(Debug)]
pub struct AttachTo<'a, S: ?Sized> {
    token: CurrentAnyContext<'a>,
    state: PhantomData<fn(Box<S>) -> Box<S>>,
}

/// # Safety
///
/// `token` must be that of the body this is called in.
pub unsafe fn attach_to<'a, T: Token<'a>>(token: &T) -> AttachTo<'a, T::State> {
    AttachTo {
        token: token.any(),
        state: PhantomData,
    }
}

impl<'a, S: ?Sized> AttachTo<'a, S> {
    /// The work as an ordinary future. `B` is a parameter for the same reason as in `Inside::call`.
    pub fn work<T, B>(self, work: T) -> B
    where
        T: Work<S, Bound<'a> = B>,
        S: 'a,
    {
        // SAFETY: the contract of `attach_to`: the token of a body with state `S`.
        unsafe { work.bind(self.token) }
    }
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

// ---------------------------------------------------------------- `#[detached]` parts of a body

/// Hides the context from the body it is in, from here until it is dropped.
///
/// It hides in the body's entry, which is another one at every poll; so each await of the part shows
/// the context when it suspends, for those that share the poll, and hides it when it is polled again.
#[derive(Debug)]
#[must_use = "the part ends when this is dropped"]
pub struct DetachedPart {
    at: &'static Location<'static>,
    before: Option<Hidden>,
    /// An address to compare with, never followed.
    header: *const Header,
}

// SAFETY: the pointer is compared, not followed.
unsafe impl Send for DetachedPart {}
// SAFETY: as above.
unsafe impl Sync for DetachedPart {}

/// # Safety
///
/// Only in a body wrapped in `NeedsContext` or `NeedsAnyContext`.
#[track_caller]
pub unsafe fn detached_part() -> DetachedPart {
    let at = Location::caller();
    top(|top| {
        let (header, before) = match top {
            Some(entry) => (
                entry
                    .header
                    .map_or(ptr::null(), |header| header.as_ptr().cast_const()),
                entry.hidden.replace(Some(Hidden::Detached(at))),
            ),
            None => (ptr::null(), None),
        };
        DetachedPart { at, before, header }
    })
}

impl DetachedPart {
    /// Sets what hides the context in the body's entry, if that is where we are.
    fn set(&self, hidden: Option<Hidden>) {
        top(|top| {
            if let Some(entry) = top.filter(|entry| entry.is(self.header)) {
                entry.hidden.set(hidden);
            }
        });
    }

    fn hide(&self) {
        self.set(Some(Hidden::Detached(self.at)));
    }
}

impl Drop for DetachedPart {
    fn drop(&mut self) {
        self.set(self.before);
    }
}

pin_project! {
    /// A future awaited in a `#[detached]` part.
    #[must_use = "futures do nothing unless polled"]
    pub struct DetachedAwait<'a, F, O> {
        #[pin]
        work: F,
        part: &'a DetachedPart,
        output: PhantomData<fn() -> O>,
    }

    impl<F, O> PinnedDrop for DetachedAwait<'_, F, O> {
        // Dropped while suspended, the part is shown; hide it again from what `work` drops.
        fn drop(this: Pin<&mut Self>) {
            this.part.hide();
        }
    }
}

impl<O, F: Future<Output = O>> Future for DetachedAwait<'_, F, O> {
    type Output = O;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<O> {
        let this = self.project();
        this.part.hide();
        let result = this.work.poll(cx);
        if result.is_pending() {
            this.part.set(None);
        }
        result
    }
}

impl<F, O> fmt::Debug for DetachedAwait<'_, F, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DetachedAwait").field(self.part).finish()
    }
}
