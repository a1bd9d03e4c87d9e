//! A future that enters a context from outside: every poll is a turn.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
};

use crate::{
    Work,
    context::Context,
    trusted::{self, Root},
    waiters::Place,
};

/// What `run` returns.
pub(crate) struct Run<C: Context + ?Sized, F: Future + Send + 'static> {
    context: Arc<C>,
    /// Boxed, so that it can be left to whoever has the turn when this is dropped. `None` once the
    /// work is done.
    root: Option<Pin<Box<Root<C, F>>>>,
    place: Option<Place>,
}

impl<C: Context + ?Sized, F: Future + Send + 'static> Run<C, F> {
    pub(crate) fn new<S: ?Sized>(context: Arc<C>, work: impl Work<S, Future = F>) -> Self {
        Run {
            root: Some(Box::pin(Root::new(context.clone(), work))),
            context,
            place: None,
        }
    }
}

impl<C: Context + ?Sized, F: Future + Send + 'static> Future for Run<C, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let held = ready!(this.context.header().poll_turn(cx, &mut this.place));
        trusted::enter(&held, false, || {
            let root = this
                .root
                .as_mut()
                .expect("`run` was polled after it was ready");
            let output = ready!(root.as_mut().poll(cx));
            this.root = None;
            Poll::Ready(output)
        })
    }
}

impl<C: Context + ?Sized, F: Future + Send + 'static> Drop for Run<C, F> {
    fn drop(&mut self) {
        let header = self.context.header();
        header.turn.leave(&mut self.place);
        if let Some(root) = self.root.take() {
            header.drop_on_context(Box::new(root));
        }
    }
}
