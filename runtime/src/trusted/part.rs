//! `#[detached]` parts of a body.

use std::{
    future::Future,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::entry::top;
use crate::{OffContext, no_context::Hidden};

/// Hides the context from the body it is in, from here until it is dropped.
///
/// It hides in the innermost entry. What it hides there is carried from poll to poll by the
/// `WithParts` around the body, whatever the body suspends at.
#[derive(Debug)]
#[must_use = "the part ends when this is dropped"]
pub struct DetachedPart {
    before: Option<Hidden>,
}

/// # Safety
///
/// Only in a body wrapped in `NeedsContext` or `NeedsAnyContext`.
#[track_caller]
pub unsafe fn detached_part() -> DetachedPart {
    DetachedPart {
        before: replace(Some(Hidden::Detached(Location::caller()))),
    }
}

fn replace(hidden: Option<Hidden>) -> Option<Hidden> {
    top(|top| {
        let entry = top?;
        let before = entry.hidden();
        entry.set_hidden(hidden);
        before
    })
}

impl DetachedPart {
    /// An await of the part. `F` is a parameter so that wrong work is one error.
    #[inline]
    pub fn detached<T, F>(&self, work: T) -> F
    where
        T: OffContext<Future = F>,
    {
        work.into_plain()
    }
}

impl Drop for DetachedPart {
    fn drop(&mut self) {
        replace(self.before);
    }
}

pin_project! {
    /// A body with detached parts: hides, while it is polled or dropped, what hid it when it suspended.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct WithParts<F> {
        #[pin]
        body: Option<F>,
        hidden: Option<Hidden>,
    }

    impl<F> PinnedDrop for WithParts<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _swap = Swap::new(this.hidden);
            this.body.set(None);
        }
    }
}

/// Swaps what hides the context with what is in the slot, and back again, also when a body panics.
struct Swap<'a>(&'a mut Option<Hidden>);

impl<'a> Swap<'a> {
    fn new(slot: &'a mut Option<Hidden>) -> Self {
        *slot = replace(*slot);
        Swap(slot)
    }
}

impl Drop for Swap<'_> {
    fn drop(&mut self) {
        *self.0 = replace(*self.0);
    }
}

/// The body of a context fn that has `#[detached]` parts.
pub fn with_parts<F: Future>(body: F) -> WithParts<F> {
    WithParts {
        body: Some(body),
        hidden: None,
    }
}

impl<F: Future> Future for WithParts<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _swap = Swap::new(this.hidden);
        this.body
            .as_pin_mut()
            .expect("only dropped in `drop`")
            .poll(cx)
    }
}
