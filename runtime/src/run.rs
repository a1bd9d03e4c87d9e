//! A future that enters a context from outside: every poll is a turn.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    thread,
};

use crate::{
    Work,
    context::{Context, Header, Waiting},
    exclusive::Scope,
    hop::BoundRun,
    outstanding::contained,
    trusted::Root,
};

/// Work that runs on a context, in place: what [`RequestContext::run`](crate::RequestContext::run)
/// returns. Every poll of it is a turn.
#[must_use = "this work has not started, and is lost unless it is awaited: `.await` it, or give it to \
              `scheduler().spawn(..)`, which starts it at once"]
pub struct Run<T: 'static> {
    /// Boxed, so that it can be left to whoever has the turn when this is dropped. `None` from then.
    root: Option<Pin<Box<dyn Turns<Output = T>>>>,
    waiting: Waiting,
    scope: Scope,
}

impl<T> Run<T> {
    pub(crate) fn new<S, C, F>(context: Arc<C>, work: impl Work<S, Future = F>) -> Self
    where
        S: ?Sized,
        C: Context + ?Sized,
        F: Future<Output = T> + Send + 'static,
    {
        let scope = context.header().scope();
        Run {
            root: Some(Box::pin(Root::new(context, work))),
            waiting: Waiting::default(),
            scope,
        }
    }

    /// On a context of any kind, also one that is bound to another thread than this.
    pub(crate) fn anywhere<S, C, F>(context: Arc<C>, work: impl Work<S, Future = F>) -> Self
    where
        S: ?Sized,
        C: Context + ?Sized,
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        if context.header().kind.home().is_none() {
            return Self::new(context, work);
        }
        let scope = context.header().scope();
        Run {
            root: Some(Box::pin(BoundRun::new(context, work))),
            waiting: Waiting::default(),
            scope,
        }
    }
}

impl<T> Future for Run<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<T> {
        let Run {
            root,
            waiting,
            scope,
        } = self.get_mut();
        let root = root.as_mut().expect("only taken in `drop`");
        root.as_mut().poll_turn(*scope, cx, waiting)
    }
}

impl<T> Drop for Run<T> {
    fn drop(&mut self) {
        if let Some(root) = self.root.take() {
            root.header().leave(&mut self.waiting);
            if !root.is_done() {
                let context = root.owner();
                context.header().drop_on_context(Unfinished(root));
            }
        }
    }
}

/// Dropped in a turn, it is dropped as one.
struct Unfinished<T: 'static>(Pin<Box<dyn Turns<Output = T>>>);

impl<T> Drop for Unfinished<T> {
    fn drop(&mut self) {
        let body = self.0.as_mut();
        if thread::panicking() {
            contained(|| body.drop_body());
        } else {
            body.drop_body();
        }
    }
}

/// A root whose polls are turns: one virtual call for each.
pub(crate) trait Turns: Send {
    type Output;
    fn poll_turn(
        self: Pin<&mut Self>,
        scope: Scope,
        cx: &mut task::Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Self::Output>;
    fn drop_body(self: Pin<&mut Self>);
    fn is_done(&self) -> bool;
    fn header(&self) -> &Header;
    fn owner(&self) -> Arc<dyn Context>;
}

impl<C: Context + ?Sized, F: Future + Send> Turns for Root<C, F> {
    type Output = F::Output;

    fn poll_turn(
        self: Pin<&mut Self>,
        scope: Scope,
        cx: &mut task::Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<F::Output> {
        self.poll_as_turn(scope, cx, waiting)
    }

    fn drop_body(self: Pin<&mut Self>) {
        Root::drop_body(self);
    }

    fn is_done(&self) -> bool {
        Root::is_done(self)
    }

    fn header(&self) -> &Header {
        self.context().header()
    }

    fn owner(&self) -> Arc<dyn Context> {
        self.context().header().owner()
    }
}

impl<T> fmt::Debug for Run<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("context", &self.root.as_ref().map(|root| root.header().id))
            .field(
                "done",
                &self.root.as_ref().is_none_or(|root| root.is_done()),
            )
            .finish()
    }
}
