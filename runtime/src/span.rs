//! Work in the `tracing` span that it was spawned or posted in.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tracing::Span;

use crate::trusted::Root;

pin_project! {
    /// A body in a span, which is entered for its polls and its drop, and for nothing between.
    ///
    /// `tracing`'s own `Instrumented` does the same, but where a subscriber panics as the span is entered
    /// for the drop, it never drops what it has.
    pub(crate) struct InSpan<F> {
        #[pin]
        body: Option<F>,
        span: Span,
    }

    impl<F> PinnedDrop for InSpan<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.span.in_scope(|| this.body.set(None));
        }
    }
}

impl<F> InSpan<F> {
    pub(crate) fn new(body: F, span: Span) -> Self {
        InSpan {
            body: Some(body),
            span,
        }
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let body = this.body.as_pin_mut().expect("only taken in the drop");
        this.span.in_scope(|| body.poll(cx))
    }
}

/// A closure in a span, which is entered for its call, or for its drop.
struct CallInSpan<F> {
    closure: Option<F>,
    span: Span,
}

impl<F> CallInSpan<F> {
    fn call<S, R>(mut self, state: &S) -> R
    where
        F: FnOnce(&S) -> R,
    {
        let closure = self
            .closure
            .take()
            .expect("only taken here and in the drop");
        self.span.in_scope(|| closure(state))
    }
}

impl<F> Drop for CallInSpan<F> {
    fn drop(&mut self) {
        if let Some(closure) = self.closure.take() {
            self.span.in_scope(|| drop(closure));
        }
    }
}

/// `closure` in the span that is current here.
pub(crate) fn follow_call<S, R>(
    closure: impl FnOnce(&S) -> R + Send,
) -> impl FnOnce(&S) -> R + Send {
    let in_span = CallInSpan {
        closure: Some(closure),
        span: Span::current(),
    };
    move |state: &S| in_span.call(state)
}

/// `root` in the span that is current here. A hook around the turn runs outside of it: the span of a hook
/// must not come between the work and the one who spawned it.
pub(crate) fn follow<C: ?Sized, F>(root: Root<C, F>) -> Root<C, InSpan<F>> {
    root.in_span(Span::current())
}
