//! A run on a context that is bound to a thread: in place there, and from elsewhere by a hop.

use std::{
    future::Future,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
};

use crate::{
    ContextId, JoinHandle, Work,
    context::{Context, Header, Waiting},
    exclusive::Scope,
    run::Turns,
    task::{Kind, start},
    trusted::{Homebound, Root},
};

/// Work that is polled in place by its context's thread, and becomes work of its own, which the thread
/// polls, when another one polls it.
pub(crate) struct BoundRun<C: Context + ?Sized, T: 'static> {
    context: Arc<C>,
    state: State<C, T>,
}

enum State<C: Context + ?Sized, T: 'static> {
    Here(Root<C, Homebound<T>>),
    There(JoinHandle<T>),
    Hopping,
}

impl<C: Context + ?Sized, T: 'static> BoundRun<C, T> {
    pub(crate) fn new<S: ?Sized, F>(context: Arc<C>, work: impl Work<S, Future = F>) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        BoundRun {
            state: State::Here(Root::bound(context.clone(), work)),
            context,
        }
    }
}

impl<C: Context + ?Sized, T: Send + 'static> Turns for BoundRun<C, T> {
    type Output = T;

    #[track_caller]
    fn poll_turn(
        self: Pin<&mut Self>,
        scope: Scope,
        cx: &mut task::Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<T> {
        let this = self.get_mut();
        let header = this.context.header();
        let home = header.kind.home().expect("made for a bound context");
        if let State::Here(root) = &mut this.state {
            if home.is_open_here() {
                return Pin::new(root).poll_as_turn(scope, cx, waiting);
            }
            if home.is_here() {
                stopped(header.id);
            }
            header.leave(waiting);
            if let State::Here(root) = std::mem::replace(&mut this.state, State::Hopping) {
                this.state = State::There(start(header, || root, scope, Kind::Hopped));
            }
        }
        let State::There(handle) = &mut this.state else {
            unreachable!("the line above has hopped");
        };
        let result = ready!(Pin::new(handle).poll(cx));
        Poll::Ready(result.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(_) => stopped(header.id),
        }))
    }

    /// What has hopped is aborted, and dropped over there.
    fn is_done(&self) -> bool {
        match &self.state {
            State::Here(root) => root.is_done(),
            State::There(_) | State::Hopping => true,
        }
    }

    fn drop_body(self: Pin<&mut Self>) {
        if let State::Here(root) = &mut self.get_mut().state {
            Pin::new(root).drop_body();
        }
    }

    fn header(&self) -> &Header {
        self.context.header()
    }

    fn owner(&self) -> Arc<dyn Context> {
        self.context.header().owner()
    }
}

impl<C: Context + ?Sized, T: 'static> Drop for BoundRun<C, T> {
    fn drop(&mut self) {
        if let State::There(handle) = &self.state {
            handle.abort();
        }
    }
}

#[track_caller]
fn stopped(context: ContextId) -> ! {
    panic!("`run` was called for {context}, whose thread has stopped")
}
