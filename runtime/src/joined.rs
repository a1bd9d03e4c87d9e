//! What work comes to, and what it shares of that with its handle.

use std::{
    mem,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
};

use crate::{
    context::Header,
    family::Heirs,
    outstanding::{Failure, Payload, discard, failure},
    sync::{Mutex, lock},
};

/// What a piece of work came to.
pub(crate) type Outcome<T> = Result<Output<T>, Failed>;

pub(crate) enum Failed {
    /// Unless the panic is taken, it goes to `idle`. Boxed, as every piece of work has room for it.
    Panicked(Box<Unclaimed>),
    Cancelled,
}

/// What work resulted in. If nobody wants it, it is dropped where a panic would end more than this work.
pub(crate) struct Output<T>(Option<T>);

impl<T> Output<T> {
    #[inline]
    pub(crate) fn of(output: T) -> Self {
        Output(Some(output))
    }

    pub(crate) fn take(mut self) -> T {
        self.0.take().expect("taken once")
    }
}

impl<T> Drop for Output<T> {
    fn drop(&mut self) {
        if let Some(output) = self.0.take() {
            discard(output);
        }
    }
}

/// A panic that nobody has taken yet. Dropped as such, it is reported to its context.
pub(crate) struct Unclaimed {
    failure: Option<Failure>,
    heirs: Heirs,
}

impl Unclaimed {
    /// Of a panic now, on `context`.
    pub(crate) fn new(context: &Header, payload: Payload) -> Box<Self> {
        context.panicked(&*payload);
        Box::new(Unclaimed {
            failure: Some(failure(payload)),
            heirs: Heirs::of(context),
        })
    }

    pub(crate) fn claim(mut self) -> Payload {
        self.failure.take().expect("claimed once").1
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(failure) = self.failure.take() {
            self.heirs.report(failure);
        }
    }
}

/// What work shares with its handle.
pub(crate) struct Joined<T> {
    /// `Relaxed`: it carries nothing. Work looks at it when it has a turn; who aborts what is suspended asks for one.
    aborted: AtomicBool,
    end: Mutex<End<T>>,
}

enum End<T> {
    /// Not there yet.
    Outstanding,
    /// Nor this; and who awaits it.
    Awaited(Waker),
    Here(Outcome<T>),
    /// The handle has taken it, or is gone.
    Unwanted,
}

impl<T> End<T> {
    fn waker(self) -> Option<Waker> {
        match self {
            End::Awaited(waker) => Some(waker),
            _ => None,
        }
    }
}

impl<T> Joined<T> {
    pub(crate) fn new() -> Self {
        Joined {
            aborted: AtomicBool::new(false),
            end: Mutex::new(End::Outstanding),
        }
    }

    /// `has_waited` says whether the handle has left a waker: before that, there is nothing to look at first.
    pub(crate) fn poll_outcome(&self, cx: &mut Context<'_>, has_waited: bool) -> Poll<Outcome<T>> {
        let take = |end: &mut End<T>| match mem::replace(end, End::Unwanted) {
            End::Here(outcome) => Poll::Ready(outcome),
            other => {
                *end = other;
                Poll::Pending
            }
        };
        if has_waited {
            match &mut *lock(&self.end) {
                End::Awaited(waker) if waker.will_wake(cx.waker()) => return Poll::Pending,
                End::Outstanding | End::Awaited(_) => {}
                end => return take(end),
            }
        }
        // Not cloned, nor dropped, under the lock: a waker is foreign code.
        let waker = cx.waker().clone();
        let (taken, _replaced) = match &mut *lock(&self.end) {
            end @ (End::Outstanding | End::Awaited(_)) => {
                (Poll::Pending, mem::replace(end, End::Awaited(waker)))
            }
            end => (take(end), End::Awaited(waker)),
        };
        taken
    }

    /// Says that nobody wants the outcome any more.
    pub(crate) fn leave(&self) {
        let end = mem::replace(&mut *lock(&self.end), End::Unwanted);
        drop(end);
    }

    pub(crate) fn is_finished(&self) -> bool {
        !matches!(*lock(&self.end), End::Outstanding | End::Awaited(_))
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Relaxed)
    }

    pub(crate) fn set_aborted(&self) {
        self.aborted.store(true, Ordering::Relaxed);
    }

    /// The outcome, once the work is gone.
    pub(crate) fn take(&mut self) -> Outcome<T> {
        match mem::replace(self.end_mut(), End::Unwanted) {
            End::Here(outcome) => outcome,
            End::Outstanding | End::Awaited(_) | End::Unwanted => Err(Failed::Cancelled),
        }
    }

    fn end_mut(&mut self) -> &mut End<T> {
        match self.end.get_mut() {
            Ok(end) => end,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// Hands `outcome` over; if nobody wants it, it is dropped here. Returns who is to be woken.
    pub(crate) fn finish(&self, outcome: Outcome<T>) -> Option<Waker> {
        let (waker, _unwanted) = {
            let mut end = lock(&self.end);
            match mem::replace(&mut *end, End::Unwanted) {
                End::Here(_) | End::Unwanted => (None, Some(outcome)),
                before => {
                    *end = End::Here(outcome);
                    (before.waker(), None)
                }
            }
        };
        waker
    }
}

impl<T> Drop for Joined<T> {
    /// The waker of a handle that is gone is foreign code, and who drops this may be the driver.
    fn drop(&mut self) {
        if let end @ End::Awaited(_) = self.end_mut() {
            discard(mem::replace(end, End::Unwanted));
        }
    }
}
