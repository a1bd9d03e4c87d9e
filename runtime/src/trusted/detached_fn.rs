//! Futures that see no context.
//!
//! Every `#[detached]` fn is compiled with its own copy of what is generic here, so little is: no closures.

use std::{
    future::Future,
    marker::PhantomData,
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
pub struct DetachedFn<F, S = CheckedSend> {
    /// Pinned as this is, and dropped where it stands, by `drop`.
    body: ManuallyDrop<F>,
    at: &'static Location<'static>,
    send: PhantomData<S>,
}

/// `Send` if the future is.
#[derive(Debug)]
pub struct NotChecked;

/// `Send`, as the future is.
#[derive(Debug)]
pub struct CheckedSend;

// SAFETY: the location is, and so is the future.
unsafe impl<F: Send> Send for DetachedFn<F, NotChecked> {}
// SAFETY: so it was when this was made, by `checked` alone. The compiler need not look into each fn again for every fn
// that awaits it.
unsafe impl<F> Send for DetachedFn<F, CheckedSend> {}

impl<F> DetachedFn<F, NotChecked> {
    pub(crate) fn new(body: F, at: &'static Location<'static>) -> Self {
        DetachedFn {
            body: ManuallyDrop::new(body),
            at,
            send: PhantomData,
        }
    }
}

impl<F: Send> DetachedFn<F, CheckedSend> {
    #[inline(always)]
    pub(crate) fn checked(body: F, at: &'static Location<'static>) -> Self {
        DetachedFn {
            body: ManuallyDrop::new(body),
            at,
            send: PhantomData,
        }
    }
}

impl<F: Future, S> Future for DetachedFn<F, S> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let entry = Entry::hiding(Hidden::Detached(self.at));
        // SAFETY: it is dropped before `entry` is, at the end of this fn.
        let _on_top = unsafe { put_on_top(&entry) };
        // SAFETY: nothing moves the body, which is dropped where it stands.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let body = unsafe { Pin::new_unchecked(&mut *this.body) };
        body.poll(cx)
    }
}

impl<F, S> Drop for DetachedFn<F, S> {
    fn drop(&mut self) {
        let entry = Entry::hiding(Hidden::Detached(self.at));
        // SAFETY: it is dropped before `entry` is, at the end of this fn.
        let _on_top = unsafe { put_on_top(&entry) };
        // SAFETY: here alone, and nothing uses it from now on.
        unsafe { ManuallyDrop::drop(&mut self.body) }
    }
}
