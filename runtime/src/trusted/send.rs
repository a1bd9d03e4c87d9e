//! What was found to be `Send` once is not looked into again: a chain of detached fns would soon be longer than
//! the compiler follows.

use std::marker::PhantomData;

use crate::detached::DetachedFn;

/// Says that a future is `Send`.
#[derive(Debug)]
pub struct IsSend<F>(PhantomData<fn() -> F>);

/// The only way to have one.
pub(crate) fn is_send<F: Send>(_: &F) -> IsSend<F> {
    IsSend(PhantomData)
}

// SAFETY: a detached fn with a proof is made with that of its own body's type, beside which there is a
// `&'static Location`. It has two names here as the compiler, where it asks, has forgotten their lifetimes, and so
// that they are the same.
unsafe impl<F, SameF> Send for DetachedFn<F, IsSend<SameF>> {}

// SAFETY: as the compiler has it where no impl is written.
unsafe impl<F: Send> Send for DetachedFn<F, ()> {}
