//! Futures that see no context.
//!
//! Every `#[detached]` fn is compiled with its own copy of what is generic here, so little is: no closures.

use std::{
    future::Future,
    mem::ManuallyDrop,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};

use super::entry::{Entry, put_on_top};
use crate::no_context::Hidden;

/// A future that sees no context, in its polls and in its drop.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct DetachedFn<F> {
    /// Pinned as this is, and dropped where it stands, by `drop`.
    body: ManuallyDrop<F>,
    at: &'static Location<'static>,
}

impl<F> DetachedFn<F> {
    pub(crate) fn new(body: F, at: &'static Location<'static>) -> Self {
        DetachedFn {
            body: ManuallyDrop::new(body),
            at,
        }
    }
}

impl<F: Future> Future for DetachedFn<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let entry = Entry::hiding(Hidden::Detached(self.at));
        // SAFETY: it is dropped before `entry` is, at the end of this fn.
        let _on_top = unsafe { put_on_top(&entry) };
        // SAFETY: nothing moves the body, which is dropped where it stands.
        unsafe { Pin::new_unchecked(&mut *self.get_unchecked_mut().body) }.poll(cx)
    }
}

impl<F> Drop for DetachedFn<F> {
    fn drop(&mut self) {
        let entry = Entry::hiding(Hidden::Detached(self.at));
        // SAFETY: it is dropped before `entry` is, at the end of this fn.
        let _on_top = unsafe { put_on_top(&entry) };
        // SAFETY: here alone, and nothing uses it from now on.
        unsafe { ManuallyDrop::drop(&mut self.body) }
    }
}
