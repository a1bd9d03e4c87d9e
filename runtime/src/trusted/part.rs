//! `#[detached]` parts of a body.

use std::{
    fmt,
    future::Future,
    panic::Location,
    pin::Pin,
    ptr,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::entry::top;
use crate::no_context::Hidden;

/// Hides the context from the body it is in, from here until it is dropped.
///
/// It hides in the body's entry, which is another one at every poll; so each await of the part shows
/// the context when it suspends, for those that share the poll, and hides it when it is polled again.
#[derive(Debug)]
#[must_use = "the part ends when this is dropped"]
pub struct DetachedPart {
    at: &'static Location<'static>,
    before: Option<Hidden>,
    /// The address of the context's header, to compare with.
    header: usize,
}

/// # Safety
///
/// Only in a body wrapped in `NeedsContext` or `NeedsAnyContext`.
#[track_caller]
pub unsafe fn detached_part() -> DetachedPart {
    let at = Location::caller();
    let (header, before) = top(|top| {
        let entry = top?;
        let before = entry.hidden();
        entry.set_hidden(Some(Hidden::Detached(at)));
        Some((entry.header?.as_ptr().addr(), before))
    })
    .unwrap_or((0, None));
    DetachedPart { at, before, header }
}

impl DetachedPart {
    /// Sets what hides the context in the body's entry, if that is where we are.
    fn set(&self, hidden: Option<Hidden>) {
        top(|top| {
            if let Some(entry) = top.filter(|entry| entry.is(ptr::without_provenance(self.header)))
            {
                entry.set_hidden(hidden);
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
    pub struct DetachedAwait<'a, F> {
        #[pin]
        work: F,
        part: &'a DetachedPart,
    }

    impl<F> PinnedDrop for DetachedAwait<'_, F> {
        // Dropped while suspended, the part is shown; hide it again from what `work` drops.
        fn drop(this: Pin<&mut Self>) {
            this.part.hide();
        }
    }
}

impl<'a, F> DetachedAwait<'a, F> {
    pub(super) fn new(work: F, part: &'a DetachedPart) -> Self {
        DetachedAwait { work, part }
    }
}

impl<F: Future> Future for DetachedAwait<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.part.hide();
        let result = this.work.poll(cx);
        if result.is_pending() {
            this.part.set(None);
        }
        result
    }
}

impl<F> fmt::Debug for DetachedAwait<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DetachedAwait").field(self.part).finish()
    }
}
