//! Whether the future of a `#[detached]` fn has to be `Send`: the compiler says, from the bounds of the fn.

use std::{future::Future, marker::PhantomData, ops::Deref, panic::Location};

use crate::trusted::{DetachedFn, NotChecked};

/// What a `#[detached]` fn of the type `This` captures, `T`: where both are `Send`, so must its future be.
#[derive(Debug)]
pub struct Captures<This: ?Sized, T>(PhantomData<fn(&This) -> T>);

impl<This: ?Sized, T> Captures<This, T> {
    /// Of a fn that says which with [`are`](Captures::are).
    pub const OF_FN: Self = Captures(PhantomData);

    /// Names `T` by a value, where this is never reached.
    pub fn are(&self, _captured: T) -> ! {
        unreachable!()
    }
}

// A method that some of these types have, before the one behind `Deref` that all have. `This` is `Sized`, as it is
// everywhere but in the trait itself: what the trait's own `async fn`s return is not known to be `Send` there.
impl<This: Send, T: Send> Captures<This, T> {
    /// The body of a `#[detached]` fn that captures nothing but what is `Send`.
    #[track_caller]
    pub fn detached_fn<F>(&self, body: F) -> DetachedFn<F>
    where
        F: Future + Send, // or the fn says `#[detached(?Send)]`
    {
        DetachedFn::checked(body, Location::caller())
    }
}

impl<This: ?Sized, T> Deref for Captures<This, T> {
    type Target = NotSend;

    fn deref(&self) -> &NotSend {
        &NotSend
    }
}

/// Captures that are not `Send` for some callers, for whom the future is not either.
#[derive(Debug)]
pub struct NotSend;

impl NotSend {
    /// The body of a `#[detached]` fn.
    #[track_caller]
    pub fn detached_fn<F: Future>(&self, body: F) -> DetachedFn<F, NotChecked> {
        DetachedFn::new(body, Location::caller())
    }
}
