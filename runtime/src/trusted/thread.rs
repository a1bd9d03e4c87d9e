//! What must not leave its thread: invariants 7 and 9.

use std::{
    future::Future,
    mem::{self, ManuallyDrop},
    pin::Pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{self, Poll},
};

use super::{Root, Work, entry::holds};
use crate::{
    context::{Context, Inner},
    home::Home,
};

/// A body that is made, polled and dropped on the home thread of its context.
///
/// Boxed, so that it can be leaked: what is pinned must be dropped or stay where it is for ever.
pub(crate) struct Homebound<T> {
    body: ManuallyDrop<Pin<Box<dyn Future<Output = T>>>>,
    /// Whether it was polled. Until then it holds no more than a closure that is `Send`.
    started: bool,
    home: Arc<Home>,
}

// SAFETY: until it is started, the body is `Send` (`new`). From then it is only reached in `poll` and
// `drop`, which check that this is its thread.
unsafe impl<T> Send for Homebound<T> {}

impl<T: 'static> Homebound<T> {
    fn new<F>(home: Arc<Home>, make: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = T> + 'static,
    {
        Homebound {
            body: ManuallyDrop::new(Box::pin(async move { make().await })),
            started: false,
            home,
        }
    }
}

impl<T> Future for Homebound<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        if let Err(error) = this.home.check() {
            panic!("{error}");
        }
        if !mem::replace(&mut this.started, true) {
            this.home.body_starts();
        }
        this.body.as_mut().poll(cx)
    }
}

impl<T> Drop for Homebound<T> {
    fn drop(&mut self) {
        /// Runs after the body's drop, also when that panics.
        struct Dropped<'a>(&'a Home);
        impl Drop for Dropped<'_> {
            fn drop(&mut self) {
                self.0.body_is_dropped();
            }
        }

        if self.started && !self.home.is_here() {
            return self
                .home
                .report("a future is leaked, as nothing leads back there");
        }
        let _dropped = self.started.then(|| Dropped(&self.home));
        // SAFETY: dropped here and nowhere else, and not used after.
        unsafe { ManuallyDrop::drop(&mut self.body) };
    }
}

impl<C: Context + ?Sized, T: 'static> Root<C, Homebound<T>> {
    /// Work for a context that is bound to a thread.
    pub(crate) fn bound<S: ?Sized, F>(context: Arc<C>, work: impl Work<S, Future = F>) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        // SAFETY: polled by `Root`, which checks, and by nothing else.
        let body = unsafe { work.into_raw() };
        Self::bound_body(context, move || body)
    }

    /// Work that need not be `Send`, and so is made on the thread.
    pub(crate) fn bound_with<S: ?Sized, W>(
        context: Arc<C>,
        make: impl FnOnce() -> W + Send + 'static,
    ) -> Self
    where
        W: Work<S, Output = T>,
        W::Future: 'static,
    {
        // SAFETY: as above.
        Self::bound_body(context, move || unsafe { make().into_raw() })
    }

    fn bound_body<F>(context: Arc<C>, make: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = T> + 'static,
    {
        let home = context.header().kind.home();
        let home = home.expect("a context that is bound to a thread").clone();
        Self::of_body(context, Homebound::new(home, make))
    }
}

/// Drops the state of a context that is bound to this thread, after which nothing enters it. False, and
/// nothing done, while something may borrow from the state: this thread's turn, or a body.
#[must_use]
pub(crate) fn end<S>(inner: &Inner<S>) -> bool {
    let home = inner.header.kind.home();
    let ended = !holds(&inner.header) && home.is_some_and(|home| home.try_end());
    if ended {
        // SAFETY: once, by `try_end`, and on the home thread. Nothing borrows from the state, and from
        // here nothing will: invariant 7.
        unsafe { inner.state.drop_state() };
    }
    ended
}

/// Whether what was lent is gone.
#[derive(Default)]
struct Loan {
    gone: Mutex<bool>,
    changed: Condvar,
}

impl Loan {
    fn end(&self) {
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        while !*gone {
            gone = self
                .changed
                .wait(gone)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A closure that its lender keeps alive until this is dropped.
pub(crate) struct Lent<S> {
    /// `None` once it has run, or is dropped.
    closure: Option<LentClosure<'static, S>>,
    loan: Arc<Loan>,
}

type LentClosure<'a, S> = Box<dyn FnOnce(&S) + Send + 'a>;

impl<S> Lent<S> {
    pub(crate) fn run(mut self, state: &S) {
        if let Some(closure) = self.closure.take() {
            closure(state);
        }
    }
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        /// Also when the closure panics in its drop.
        struct End<'a>(&'a Loan);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.end();
            }
        }

        let _end = End(&self.loan);
        drop(self.closure.take());
    }
}

/// Lends `closure` to what `borrow` hands it to, and returns when it is gone: run, or dropped.
pub(crate) fn lend<S>(closure: impl FnOnce(&S) + Send, borrow: impl FnOnce(Lent<S>)) {
    /// Waits also when `borrow` panics.
    struct Wait(Arc<Loan>);
    impl Drop for Wait {
        fn drop(&mut self) {
            self.0.wait();
        }
    }

    let closure: LentClosure<'_, S> = Box::new(closure);
    // SAFETY: invariant 9: only the lifetime changes, and this fn does not end, by a panic neither,
    // before the closure is gone.
    let closure = unsafe { mem::transmute::<LentClosure<'_, S>, LentClosure<'static, S>>(closure) };
    let loan = Arc::<Loan>::default();
    let _wait = Wait(loan.clone());
    borrow(Lent {
        closure: Some(closure),
        loan,
    });
}
