//! Spawned work: one item, whose turns go into the queue of its context.

use std::{
    future::Future,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use pin_project_lite::pin_project;

use crate::{
    JoinHandle, Work,
    batch::Next,
    context::{Context, Header},
    driver::enqueue,
    exclusive::Scope,
    joined::{Failed, Joined, Output, Unclaimed},
    outstanding::{Payload, contained, discard},
    trusted::{self, Beside, Queued, Root, Steps, Turn, item},
    waiters::Place,
};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Spawned,
    /// A run that has hopped. Closing and cancelling leave it to its caller, as it was there before.
    Hopped,
}

impl Kind {
    /// Whether a cancellation ends it, and a close keeps it from beginning.
    fn is_submission(self) -> bool {
        matches!(self, Kind::Spawned)
    }
}

/// What is to become of work that has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// To be run, unless its handle has aborted it.
    Run,
    /// To be dropped; on its context, if the caller is there.
    Drop,
}

/// What the queue holds: one turn of a piece of work.
pub(crate) enum Runnable {
    Spawned(Turn),
    Posted(Queued),
}

impl Runnable {
    /// Its place in the exclusive work of its context.
    #[inline]
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Runnable::Spawned(turn) => turn.scope(),
            Runnable::Posted(job) => job.scope(),
        }
    }
}

impl From<Turn> for Runnable {
    #[inline]
    fn from(turn: Turn) -> Self {
        Runnable::Spawned(turn)
    }
}

impl From<Next<Runnable, Turn>> for Runnable {
    fn from(next: Next<Runnable, Turn>) -> Self {
        match next {
            Next::Pushed(item) => item,
            Next::Yielded(turn) => turn.into(),
        }
    }
}

impl<T> Beside<Joined<T>> {
    pub(crate) fn abort(&self) {
        self.set_aborted();
        self.wake();
    }
}

pin_project! {
    /// Spawned work; outstanding until it has ended.
    struct Spawned<C, F> where C: Context, C: ?Sized {
        #[pin]
        root: Root<C, F>,
        scope: Scope,
        kind: Kind,
        // Where it waits for a cancellation, once it has suspended.
        place: Option<Place>,
    }
}

impl<C, F> Steps for Spawned<C, F>
where
    C: Context + ?Sized,
    F: Future<Output: Send> + Send + 'static,
{
    type Beside = Joined<F::Output>;

    fn step(
        self: Pin<&mut Self>,
        joined: &Joined<F::Output>,
        fate: Fate,
        cx: &mut task::Context<'_>,
    ) -> Poll<()> {
        let this = self.project();
        let mut root = this.root;
        let is_cancelled = || this.kind.is_submission() && root.context().header().is_cancelled();
        let is_to_run = fate == Fate::Run && !joined.is_aborted() && !is_cancelled();
        let polled = match is_to_run {
            true => catch_unwind(AssertUnwindSafe(|| root.as_mut().poll(cx))).map(Some),
            false => Ok(None),
        };
        if let Ok(Some(Poll::Pending)) = polled {
            if this.kind.is_submission() {
                root.context().header().suspend(this.place, cx.waker());
            }
            return Poll::Pending;
        }
        root.context().header().resume(this.place);
        // Dropped before the outcome is known to anyone. Its first panic is the one that counts.
        let dropped = drop_caught(root.as_mut());
        let header = root.context().header();
        let panicked = |payload| Failed::Panicked(Unclaimed::new(header, payload));
        let outcome = match (polled, dropped) {
            (Ok(Some(Poll::Ready(output))), Ok(())) => Ok(Output::of(output)),
            (Ok(Some(unwanted)), Err(payload)) => {
                discard(unwanted);
                Err(panicked(payload))
            }
            (Ok(_), dropped) => {
                drop(dropped.map_err(panicked));
                Err(Failed::Cancelled)
            }
            (Err(payload), later) => {
                if let Err(later) = later {
                    discard(later);
                }
                Err(panicked(payload))
            }
        };
        header.end_exclusive(*this.scope);
        if let Some(waker) = joined.finish(outcome) {
            contained(|| waker.wake());
        }
        end(header);
        Poll::Ready(())
    }

    fn context(&self) -> Arc<dyn Context> {
        self.root.context().header().owner()
    }
}

fn drop_caught<C: Context + ?Sized, F>(root: Pin<&mut Root<C, F>>) -> Result<(), Payload> {
    catch_unwind(AssertUnwindSafe(|| root.drop_body()))
}

/// Ends one piece of work. Within a turn that is when the turn has ended: the outcome, a panic
/// perhaps, is stored after the future is dropped.
pub(crate) fn end(header: &Header) {
    if !trusted::ends_in_entry(header) {
        header.end(1);
    }
}

/// Spawns `work` on `context`.
pub(crate) fn spawn<S, C, F, T>(
    context: &Arc<C>,
    scope: Scope,
    work: impl Work<S, Future = F>,
) -> JoinHandle<T>
where
    S: ?Sized,
    C: Context + ?Sized,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let header = context.header();
    match header.kind.home() {
        None => {
            let root = || Root::new(context.clone(), work);
            start(header, root, scope, Kind::Spawned)
        }
        Some(_) => {
            let root = || Root::bound(context.clone(), work);
            start(header, root, scope, Kind::Spawned)
        }
    }
}

/// Spawns the work of `root`, which is made where it stays, on its context, `header`.
pub(crate) fn start<C, F, T>(
    header: &Header,
    root: impl FnOnce() -> Root<C, F>,
    scope: Scope,
    kind: Kind,
) -> JoinHandle<T>
where
    C: Context + ?Sized,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    /// Ends what has begun and comes to nothing, as making the root runs user code, which may panic.
    struct Begun<'a>(&'a Header);
    impl Drop for Begun<'_> {
        fn drop(&mut self) {
            end(self.0);
        }
    }

    #[cfg(feature = "tracing")]
    let root = || crate::span::follow(root());
    let begun = match kind.is_submission() {
        true => header.begin(),
        false => {
            header.begin_anyway();
            Ok(())
        }
    };
    if let Err(refused) = begun {
        return JoinHandle::of_refused(header.id, refused);
    }
    let begun = Begun(header);
    let work = || Spawned {
        root: root(),
        scope,
        kind,
        place: None,
    };
    let (turn, joined) = item(scope, Joined::new(), work);
    mem::forget(begun);
    enqueue(header, || Runnable::Spawned(turn));
    JoinHandle::of_spawned(header, joined)
}

pin_project! {
    /// What is only to be dropped. Counted, as it may borrow from the state.
    struct Buried<R> {
        context: Arc<dyn Context>,
        remains: Option<R>,
    }
}

impl<R: Send + 'static> Steps for Buried<R> {
    type Beside = ();

    fn step(self: Pin<&mut Self>, (): &(), _: Fate, _: &mut task::Context<'_>) -> Poll<()> {
        let this = self.project();
        contained(|| drop(this.remains.take()));
        end(this.context.header());
        Poll::Ready(())
    }

    fn context(&self) -> Arc<dyn Context> {
        self.context.clone()
    }
}

/// Drops `remains` on the thread of `context`, in one of its turns; here, if there is no way there.
pub(crate) fn bury(context: Arc<dyn Context>, remains: impl Send + 'static) {
    let header = context.header();
    header.begin_anyway();
    let buried = || Buried {
        context: context.clone(),
        remains: Some(remains),
    };
    let (turn, _) = item(Scope::Remains, (), buried);
    enqueue(header, || Runnable::Spawned(turn));
}
