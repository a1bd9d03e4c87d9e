//! Spawned work: one item, whose turns go into the queue of its context.

use std::{
    future::Future,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{self, Poll, Waker},
};

use pin_project_lite::pin_project;

use crate::{
    JoinHandle, Work,
    batch::Next,
    context::{Context, Header},
    driver::enqueue,
    exclusive::Scope,
    family::Heirs,
    outstanding::{Failure, Payload, contained, discard, failure},
    post::Job,
    sync::{Mutex, lock},
    trusted::{self, Beside, Half, Root, Steps, Turn, item},
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
    Posted(Half<dyn Job>),
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

/// What the handle of spawned work shares with it.
pub(crate) struct Joined<T> {
    /// `Relaxed`: it carries nothing, and whoever sets it asks for a turn, which looks at it.
    aborted: AtomicBool,
    end: Mutex<End<T>>,
}

enum End<T> {
    /// Not there yet; and who awaits it.
    Awaited(Option<Waker>),
    Here(Outcome<T>),
    /// The handle has taken it, or is gone.
    Unwanted,
}

impl<T> Joined<T> {
    fn new() -> Self {
        Joined {
            aborted: AtomicBool::new(false),
            end: Mutex::new(End::Awaited(None)),
        }
    }

    /// `has_waited` says whether the handle has left a waker: before that, there is nothing to look at first.
    pub(crate) fn poll_outcome(
        &self,
        cx: &mut task::Context<'_>,
        has_waited: &mut bool,
    ) -> Poll<Outcome<T>> {
        let take = |end: &mut End<T>| match mem::replace(end, End::Unwanted) {
            End::Here(outcome) => Poll::Ready(outcome),
            other => {
                *end = other;
                Poll::Pending
            }
        };
        if mem::replace(has_waited, true) {
            match &mut *lock(&self.end) {
                End::Awaited(Some(waker)) if waker.will_wake(cx.waker()) => return Poll::Pending,
                End::Awaited(_) => {}
                end => return take(end),
            }
        }
        // Not cloned, nor dropped, under the lock: a waker is foreign code.
        let waker = cx.waker().clone();
        let (taken, _replaced) = match &mut *lock(&self.end) {
            End::Awaited(place) => (Poll::Pending, place.replace(waker)),
            end => (take(end), Some(waker)),
        };
        taken
    }

    /// Says that nobody wants the outcome any more.
    pub(crate) fn leave(&self) {
        let end = mem::replace(&mut *lock(&self.end), End::Unwanted);
        drop(end);
    }

    pub(crate) fn is_finished(&self) -> bool {
        !matches!(*lock(&self.end), End::Awaited(_))
    }

    /// Hands `outcome` over. If nobody wants it, it is dropped here.
    fn finish(&self, outcome: Outcome<T>) {
        let (waker, _unwanted) = {
            let mut end = lock(&self.end);
            match mem::replace(&mut *end, End::Unwanted) {
                End::Awaited(waker) => {
                    *end = End::Here(outcome);
                    (waker, None)
                }
                End::Here(_) | End::Unwanted => (None, Some(outcome)),
            }
        };
        if let Some(waker) = waker {
            contained(|| waker.wake());
        }
    }
}

impl<T> Beside<Joined<T>> {
    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
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
        let is_to_run =
            fate == Fate::Run && !joined.aborted.load(Ordering::Relaxed) && !is_cancelled();
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
        joined.finish(outcome);
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
