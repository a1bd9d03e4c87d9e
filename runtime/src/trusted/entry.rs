//! This thread's stack of entries, and the one way in: invariants 1 to 3.

use std::{
    cell::Cell,
    ptr::{self, NonNull},
};

use crate::{
    ContextId, NoContext,
    context::{Header, Held},
    no_context::Hidden,
};

/// One context, or one detached stretch, that this thread is in.
pub(crate) struct Entry {
    /// Where the context's allocation starts, all of which it may reach. `None` for a detached stretch.
    pub(super) header: Option<NonNull<Header>>,
    hidden: Cell<Option<Hidden>>,
    /// Whether what runs is outstanding work of the context.
    counted: bool,
    /// Outstanding work that ended in this entry; [`enter`] leaves it to the end of the turn.
    ended: Cell<usize>,
    below: Option<NonNull<Entry>>,
}

// Not `scoped-tls`: from another crate its slot is reached through two pointers and a lazy state, which
// made a body that names its context 1.22 times a plain one, and this 1.1 (`benches/nesting.rs`).
thread_local! {
    /// This thread's innermost entry.
    static TOP: Cell<Option<NonNull<Entry>>> = const { Cell::new(None) };
    /// Its `header`, unless something is `hidden` there: what the hot paths compare with.
    static VISIBLE: Cell<Option<NonNull<Header>>> = const { Cell::new(None) };
}

/// Runs `work` with `entry`, whose `below` is `TOP`, on top of the stack.
#[inline]
fn on_top<R>(entry: &Entry, work: impl FnOnce() -> R) -> R {
    // SAFETY: it is dropped before `entry` is, which is borrowed for longer.
    let _on_top = unsafe { put_on_top(entry) };
    work()
}

/// Puts `entry`, whose `below` is `TOP`, on top of the stack, until what it returns is dropped.
///
/// # Safety
///
/// That is dropped before `entry` is moved or dropped, in the reverse order of all that is put there.
#[inline]
pub(super) unsafe fn put_on_top(entry: &Entry) -> OnTop {
    let on_top = OnTop(entry.below, VISIBLE.replace(entry.visible()));
    TOP.set(Some(NonNull::from(entry)));
    on_top
}

/// Takes its entry off the stack, also when what runs there panics.
pub(super) struct OnTop(Option<NonNull<Entry>>, Option<NonNull<Header>>);

impl Drop for OnTop {
    #[inline]
    fn drop(&mut self) {
        TOP.set(self.0);
        VISIBLE.set(self.1);
    }
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
pub(super) fn top<R>(look: impl FnOnce(Option<&Entry>) -> R) -> R {
    // SAFETY: invariant 3, what is on the stack outlives `look`.
    look(TOP.get().map(|entry| unsafe { entry.as_ref() }))
}

impl Entry {
    #[inline]
    fn new(header: Option<NonNull<Header>>, hidden: Option<Hidden>, counted: bool) -> Self {
        Entry {
            header,
            hidden: Cell::new(hidden),
            counted,
            ended: Cell::new(0),
            below: TOP.get(),
        }
    }

    /// One that no context is visible in.
    #[inline]
    pub(super) fn hiding(hidden: Hidden) -> Self {
        Entry::new(None, Some(hidden), false)
    }

    pub(super) fn is(&self, header: *const Header) -> bool {
        self.header
            .is_some_and(|mine| ptr::eq(mine.as_ptr(), header))
    }

    pub(super) fn hidden(&self) -> Option<Hidden> {
        self.hidden.get()
    }

    /// For the innermost entry.
    pub(super) fn set_hidden(&self, hidden: Option<Hidden>) {
        self.hidden.set(hidden);
        VISIBLE.set(self.visible());
    }

    #[inline]
    fn visible(&self) -> Option<NonNull<Header>> {
        self.header.filter(|_| self.hidden().is_none())
    }
}

/// Runs `work` as a turn, or part of a turn, of the context whose turn is `held`: the one way in.
#[inline]
pub(crate) fn enter<R>(held: &Held<'_>, counted: bool, work: impl FnOnce() -> R) -> R {
    /// Runs after `work` and after what it left has been dropped, also when it panics.
    struct Ended<'a>(&'a Held<'a>, &'a Cell<usize>);
    impl Drop for Ended<'_> {
        #[inline]
        fn drop(&mut self) {
            self.0.add_ended(self.1.get());
        }
    }

    let entry = Entry::new(Some(held.header().current.start()), None, counted);
    let _ended = Ended(held, &entry.ended);
    on_top(&entry, work)
}

/// Runs `work` where no context is visible.
pub(crate) fn hide<R>(hidden: Hidden, work: impl FnOnce() -> R) -> R {
    let entry = Entry::hiding(hidden);
    on_top(&entry, work)
}

/// Whether this thread holds the turn of the context of `header`, visibly or not.
#[inline]
pub(crate) fn holds(header: &Header) -> bool {
    find(|entry| entry.is(header).then_some(())).is_some()
}

/// Whether this thread runs outstanding work of the context called `id`, or of one forked from it.
pub(crate) fn runs_work_of(id: ContextId) -> bool {
    find(|entry| {
        // SAFETY: invariant 2, the header outlives its entry.
        let header = unsafe { entry.header?.as_ref() };
        (entry.counted && header.descends_from(id)).then_some(())
    })
    .is_some()
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

/// Whether the context of `header` is the one that is visible here.
pub(crate) fn is_visible(header: &Header) -> bool {
    visible() == Some(header.current.start())
}

/// The context that is visible here.
#[inline]
pub(super) fn visible() -> Option<NonNull<Header>> {
    VISIBLE.get()
}

/// Why no context is visible here, or why its state is not the one called `wanted`.
#[cold]
pub(super) fn no_context(wanted: &'static str) -> NoContext {
    top(
        |top| match top.map(|entry| (entry.hidden(), entry.header)) {
            Some((Some(hidden), _)) => NoContext::hidden(hidden),
            Some((None, Some(header))) => {
                // SAFETY: invariant 2, the header outlives its entry.
                let found = unsafe { header.as_ref() }.current.owner();
                NoContext::other_state(wanted, found.state_name())
            }
            Some((None, None)) | None => NoContext::NEVER,
        },
    )
}

/// Panics unless this thread has entered the context of `header`, visibly from here.
#[track_caller]
#[inline]
pub(super) fn check(header: NonNull<Header>) {
    if visible() != Some(header) {
        check_below(header.as_ptr());
    }
}

/// Runs `work` with the context of `header` on top of the stack, which must be visible from here.
#[track_caller]
#[inline]
pub(super) fn on_its_context<R>(header: NonNull<Header>, work: impl FnOnce() -> R) -> R {
    if visible() == Some(header) {
        return work();
    }
    check_below(header.as_ptr());
    // SAFETY: invariant 2, it has an entry further down.
    let header = unsafe { header.as_ref() };
    let held = header.inline().expect("found below");
    enter(&held, false, work)
}

/// The context may also be visible below entries of other contexts, but not through a hidden one.
#[track_caller]
#[cold]
fn check_below(header: *const Header) {
    let found = find(|entry| match entry.hidden() {
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
