//! Spawned work: one `async-task` task, scheduled into the queue of its context.

use std::{
    cell::Cell,
    future::Future,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{self, Poll},
};

use async_task::{Builder, ScheduleInfo, Task, WithInfo};
use pin_project_lite::pin_project;

use crate::{
    JoinHandle, Work,
    batch::Next,
    context::{Context, Header, Inner},
    driver::enqueue,
    exclusive::Scope,
    family::Heirs,
    outstanding::{Failure, Payload, contained, discard, failure},
    post::Job,
    trusted::{self, Half, Root},
    waiters::Place,
};

/// What is kept beside the work, for its wakers, its handle and the queue. The flags are `Relaxed`
/// throughout: they carry nothing, and whoever sets one wakes the item, so that the queue looks at it
/// again.
pub(crate) struct Meta {
    /// Weak, as a waker may outlive the work: a timer's, say. Work that suspends owns its context, so there
    /// is one whenever there is something to schedule.
    context: Weak<dyn Context>,
    aborted: AtomicBool,
    detached: AtomicBool,
    scope: Scope,
    kind: Kind,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Spawned,
    /// A run that has hopped. Closing and cancelling leave it to its caller, as it was there before.
    Hopped,
    /// What is only to be dropped.
    Remains,
}

impl Kind {
    /// Whether a cancellation ends it, and a close keeps it from beginning.
    fn is_submission(self) -> bool {
        matches!(self, Kind::Spawned)
    }
}

impl Meta {
    fn new(context: Weak<dyn Context>, scope: Scope, kind: Kind) -> Self {
        Meta {
            context,
            aborted: AtomicBool::new(false),
            detached: AtomicBool::new(false),
            scope,
            kind,
        }
    }

    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn detach(&self) {
        self.detached.store(true, Ordering::Relaxed);
    }
}

thread_local! {
    /// Whether the item that is polled next is to drop its work instead.
    static CANCEL: Cell<bool> = const { Cell::new(false) };
    /// The item that was woken while it was polled, on its way to whoever polled it. Without a destructor,
    /// which would have to be looked for at each use: it is empty but within `poll`.
    static YIELDED: Cell<Option<ManuallyDrop<Item>>> = const { Cell::new(None) };
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

/// The turn of a task. Cancelled instead, it drops the future of the work, so that is done on its context.
pub(crate) struct Turn(Option<Item>);

type Item = async_task::Runnable<Meta>;

impl Turn {
    fn new(item: Item) -> Self {
        Turn(Some(item))
    }

    fn meta(&self) -> &Meta {
        let item = self.0.as_ref();
        item.expect("taken where it ends").metadata()
    }

    #[inline]
    pub(crate) fn scope(&self) -> Scope {
        self.meta().scope
    }

    /// Has the work its turn; if it was aborted, or the context cancelled, its end. The next turn comes back
    /// if the work wants it at once.
    #[inline]
    pub(crate) fn run(mut self, context: &Header) -> Option<Turn> {
        let meta = self.meta();
        let cancelled = context.is_cancelled() && meta.kind.is_submission();
        let cancel = cancelled || meta.aborted.load(Ordering::Relaxed);
        let detached = meta.detached.load(Ordering::Relaxed);
        let item = self.0.take()?;
        if cancel {
            return poll(item, true);
        }
        // Work that suspends with neither handle nor waker left can never go on. `async-task` would leak
        // it; with this waker as the last one to go, it is scheduled once more, to be dropped.
        let _last = detached.then(|| item.waker());
        poll(item, false)
    }

    /// Drops the work. The caller is on the context, or there is no way there.
    pub(crate) fn cancel(mut self) {
        if let Some(item) = self.0.take() {
            poll(item, true);
        }
    }
}

impl Drop for Turn {
    /// For what is left when its context is gone, on the way of a panic perhaps.
    fn drop(&mut self) {
        if let Some(item) = self.0.take() {
            poll(item, true);
        }
    }
}

#[inline]
fn poll(item: Item, cancel: bool) -> Option<Turn> {
    let before = CANCEL.replace(cancel);
    let yielded = item.run();
    CANCEL.set(before);
    if !yielded {
        return None;
    }
    YIELDED
        .take()
        .map(|item| Turn::new(ManuallyDrop::into_inner(item)))
}

/// What a piece of work came to.
pub(crate) type Outcome<T> = Result<Output<T>, Failed>;

pub(crate) enum Failed {
    /// Unless the panic is taken, it goes to `idle`. Boxed, as every piece of work has room for it.
    Panicked(Box<Unclaimed>),
    Cancelled,
}

/// What work resulted in. If nobody wants it, `async-task` drops it, and aborts if that panics.
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

pin_project! {
    /// The future inside the task; outstanding until it is dropped. It never panics, and
    /// neither does its drop: `async-task` would abort the process.
    struct Guarded<C, F> where C: Context, C: ?Sized {
        #[pin]
        root: Root<C, F>,
        scope: Scope,
        kind: Kind,
        // Where it waits for a cancellation, once it has suspended.
        place: Option<Place>,
    }

    impl<C, F> PinnedDrop for Guarded<C, F> where C: Context, C: ?Sized {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut root = this.root;
            root.context().header().resume(this.place);
            if let Err(payload) = drop_caught(root.as_mut()) {
                drop(Unclaimed::new(root.context().header(), payload));
            }
            let header = root.context().header();
            header.end_exclusive(*this.scope);
            end(header);
        }
    }
}

/// Ends one piece of work. Within a turn that is when the turn has ended: the outcome, a panic
/// perhaps, is stored after the future is dropped.
pub(crate) fn end(header: &Header) {
    if !trusted::ends_in_entry(header) {
        header.end(1);
    }
}

fn drop_caught<C: Context + ?Sized, F>(root: Pin<&mut Root<C, F>>) -> Result<(), Payload> {
    catch_unwind(AssertUnwindSafe(|| root.drop_body()))
}

impl<C: Context + ?Sized, F: Future> Future for Guarded<C, F> {
    type Output = Outcome<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        if CANCEL.get() {
            return Poll::Ready(Err(Failed::Cancelled));
        }
        let this = self.project();
        let mut root = this.root;
        let output = match catch_unwind(AssertUnwindSafe(|| root.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => Ok(Output::of(output)),
            Ok(Poll::Pending) => {
                if this.kind.is_submission() {
                    root.context().header().suspend(this.place, cx.waker());
                }
                return Poll::Pending;
            }
            Err(payload) => Err(payload),
        };
        // Dropped before the outcome is known to anyone. Its first panic is the one that counts.
        let dropped = drop_caught(root.as_mut());
        let panicked = |payload| Failed::Panicked(Unclaimed::new(root.context().header(), payload));
        Poll::Ready(match (output, dropped) {
            (Ok(output), Ok(())) => Ok(output),
            (Err(payload), later) => {
                if let Err(later) = later {
                    discard(later);
                }
                Err(panicked(payload))
            }
            (Ok(_), Err(payload)) => Err(panicked(payload)),
        })
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
    // First the root, as that runs user code, which may panic.
    match context.header().kind.home() {
        None => {
            let root = Root::new(context.clone(), work);
            start(context.header(), root, scope, Kind::Spawned)
        }
        Some(_) => {
            let root = Root::bound(context.clone(), work);
            start(context.header(), root, scope, Kind::Spawned)
        }
    }
}

/// Spawns the work of `root` on its context, `header`.
pub(crate) fn start<C, F, T>(
    header: &Header,
    root: Root<C, F>,
    scope: Scope,
    kind: Kind,
) -> JoinHandle<T>
where
    C: Context + ?Sized,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[cfg(feature = "tracing")]
    let root = crate::span::follow(root);
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
    let meta = Meta::new(header.this.clone(), scope, kind);
    // Made where it stays, and not moved there.
    let work = || Guarded {
        root,
        scope,
        kind,
        place: None,
    };
    let (runnable, task) = allocate(work, meta);
    let handle = JoinHandle::of_spawned(header, task, runnable.waker());
    enqueue(header, || Runnable::Spawned(Turn::new(runnable)));
    handle
}

#[inline]
fn allocate<F, T>(work: impl FnOnce() -> F, meta: Meta) -> (Item, Task<Outcome<T>, Meta>)
where
    F: Future<Output = Outcome<T>> + Send + 'static,
    T: Send + 'static,
{
    // It captures nothing: else `async-task` would hold a waker while it calls it.
    let schedule = |item: Item, info: ScheduleInfo| {
        if info.woken_while_running {
            YIELDED.set(Some(ManuallyDrop::new(item)));
        } else if let Some(context) = item.metadata().context.upgrade() {
            enqueue(context.header(), || Runnable::Spawned(Turn::new(item)));
        }
    };
    Builder::new()
        .metadata(meta)
        .spawn(|_| work(), WithInfo(schedule))
}

/// Drops `remains` on the thread of `context`, in one of its turns; here, if there is no way there.
pub(crate) fn bury(context: Arc<dyn Context>, remains: impl Send + 'static) {
    /// Counted, as it may borrow from the state.
    struct Buried<R>(Arc<dyn Context>, Option<R>);
    impl<R> Drop for Buried<R> {
        fn drop(&mut self) {
            contained(|| drop(self.1.take()));
            end(self.0.header());
        }
    }

    let header = context.header();
    header.begin_anyway();
    let buried = Buried(context.clone(), Some(remains));
    let meta = Meta::new(Weak::<Inner<()>>::new(), Scope::Remains, Kind::Remains);
    let (runnable, task) = Builder::new()
        .metadata(meta)
        .spawn(|_| async move { drop(buried) }, drop);
    task.detach();
    enqueue(header, || Runnable::Spawned(Turn::new(runnable)));
}
