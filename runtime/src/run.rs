//! A future that enters a context from outside: every poll is a turn.

use std::{
    fmt,
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

/// Work that runs on a context, in place: what [`RequestContext::run`](crate::RequestContext::run)
/// returns. Every poll of it is a turn.
#[must_use = "futures do nothing unless polled"]
pub struct Run<T: 'static> {
    context: Arc<dyn Context>,
    /// Boxed, so that it can be left to whoever has the turn when this is dropped. `None` once the
    /// work is done.
    root: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    place: Option<Place>,
}

impl<T> Run<T> {
    pub(crate) fn new<S, C, F>(context: Arc<C>, work: impl Work<S, Future = F>) -> Self
    where
        S: ?Sized,
        C: Context + ?Sized,
        F: Future<Output = T> + Send + 'static,
    {
        Run {
            context: context.clone().into_dyn(),
            root: Some(Box::pin(Root::new(context, work))),
            place: None,
        }
    }
}

impl<T> Future for Run<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<T> {
        let Run {
            context,
            root,
            place,
        } = self.get_mut();
        let held = ready!(context.header().poll_turn(cx, place));
        trusted::enter(&held, false, || {
            let work = root.as_mut().expect("`run` was polled after it was ready");
            let output = ready!(work.as_mut().poll(cx));
            *root = None;
            Poll::Ready(output)
        })
    }
}

impl<T> Drop for Run<T> {
    fn drop(&mut self) {
        let header = self.context.header();
        header.turn.leave(&mut self.place);
        if let Some(root) = self.root.take() {
            header.drop_on_context(root);
        }
    }
}

impl<T> fmt::Debug for Run<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("context", &self.context.header().id)
            .field("done", &self.root.is_none())
            .finish()
    }
}
