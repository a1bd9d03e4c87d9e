//! Spawned and posted work: one `async-task` task, scheduled into the queue of its context.

use std::{
    cell::Cell,
    future::Future,
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
    context::{Context, Header, Inner},
    driver::enqueue,
    exclusive::Scope,
    family::{Heirs, Refused},
    outstanding::{Failure, Payload, contained, discard, failure},
    trusted::{self, Root},
    waiters::Place,
};

/// What is kept beside the work, for its wakers, its handle and the queue. The flags are `Relaxed`
/// throughout: they carry nothing, and whoever sets one wakes the item, so that the queue looks at it
/// again.
pub(crate) struct Meta {
    /// Weak, as a waker may outlive the work: a timer's, say. Live work owns its context, so there is
    /// one whenever there is something to schedule.
    context: Weak<dyn Context>,
    aborted: AtomicBool,
    detached: AtomicBool,
    scope: Scope,
    by: By,
}

impl Meta {
    fn new(context: Weak<dyn Context>, scope: Scope, by: By) -> Self {
        Meta {
            context,
            aborted: AtomicBool::new(false),
            detached: AtomicBool::new(false),
            scope,
            by,
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
    /// The item that was woken while it was polled, on its way to whoever polled it.
    static YIELDED: Cell<Option<Item>> = const { Cell::new(None) };
}

/// What the queue holds: one turn of a piece of work. Dropped without it, it cancels the work, whose
/// future it drops; so drop it on its context.
pub(crate) struct Runnable(Option<Item>);

type Item = async_task::Runnable<Meta>;

impl Runnable {
    /// The item's place in the exclusive work of its context.
    pub(crate) fn scope(&self) -> Scope {
        let item = self.0.as_ref();
        item.map_or(Scope::Ordinary, |item| item.metadata().scope)
    }

    /// Its turn; if it was aborted, or the context cancelled, its end. The next turn comes back if the
    /// work wants it at once.
    pub(crate) fn run(mut self, context: &Header) -> Option<Runnable> {
        let cancelled = context.is_cancelled();
        let goes_on = |item: &mut Item| {
            let meta = item.metadata();
            !(cancelled && meta.by == By::Submission || meta.aborted.load(Ordering::Relaxed))
        };
        let item = self.0.take_if(goes_on)?;
        // Work that suspends with neither handle nor waker left can never go on. `async-task` would leak
        // it; with this waker as the last one to go, it is scheduled once more, to be dropped.
        let detached = item.metadata().detached.load(Ordering::Relaxed);
        let last = detached.then(|| item.waker());
        let yielded = poll(item, false);
        drop(last);
        yielded
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        if let Some(item) = self.0.take() {
            poll(item, true);
        }
    }
}

fn poll(item: Item, cancel: bool) -> Option<Runnable> {
    let before = CANCEL.replace(cancel);
    let yielded = item.run();
    CANCEL.set(before);
    yielded.then(|| Runnable(YIELDED.take()))
}

/// What a piece of work came to.
pub(crate) type Outcome<T> = Result<Output<T>, Failed>;

pub(crate) enum Failed {
    /// Unless the panic is taken, it goes to `idle`.
    Panicked(Unclaimed),
    Cancelled,
}

/// What work resulted in. If nobody wants it, `async-task` drops it, and aborts if that panics.
pub(crate) struct Output<T>(Option<T>);

impl<T> Output<T> {
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
    fn new<C: Context + ?Sized>(context: &Arc<C>, payload: Payload) -> Self {
        context.header().panicked(&*payload);
        Unclaimed {
            failure: Some(failure(payload)),
            heirs: Heirs::of(context.header()),
        }
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
    /// The future inside the task; outstanding from `new` until it is dropped. It never panics, and
    /// neither does its drop: `async-task` would abort the process.
    struct Guarded<C, F> where C: Context, C: ?Sized {
        #[pin]
        root: Root<C, F>,
        scope: Scope,
        by: By,
        // Where it waits for a cancellation, once it has suspended.
        place: Option<Place>,
    }

    impl<C, F> PinnedDrop for Guarded<C, F> where C: Context, C: ?Sized {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut root = this.root;
            root.context().header().resume(this.place);
            if let Err(payload) = drop_caught(root.as_mut()) {
                drop(Unclaimed::new(root.context(), payload));
            }
            let header = root.context().header();
            header.end_exclusive(*this.scope);
            end(header);
        }
    }
}

/// Ends one piece of work. Within a turn that is when the turn has ended: the outcome, a panic
/// perhaps, is stored after the future is dropped.
fn end(header: &Header) {
    if !trusted::ends_in_entry(header) {
        header.end(1);
    }
}

impl<C: Context + ?Sized, F: Future> Guarded<C, F> {
    /// The work, counted. If the context takes no more, the work is dropped unexecuted.
    fn new(root: Root<C, F>, scope: Scope, by: By) -> Result<Self, Refused> {
        let header = root.context().header();
        match by {
            By::Submission => header.begin()?,
            By::Caller => header.begin_anyway(),
        }
        Ok(Guarded {
            root,
            scope,
            by,
            place: None,
        })
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
            Ok(Poll::Ready(output)) => Ok(Output(Some(output))),
            Ok(Poll::Pending) => {
                if *this.by == By::Submission {
                    root.context().header().suspend(this.place, cx.waker());
                }
                return Poll::Pending;
            }
            Err(payload) => Err(payload),
        };
        // Dropped before the outcome is known to anyone. Its first panic is the one that counts.
        let dropped = drop_caught(root.as_mut());
        let panicked = |payload| Failed::Panicked(Unclaimed::new(root.context(), payload));
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

/// Whose work it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The context's, which may be closed or cancelled.
    Submission,
    /// Part of what is there already, a run that has hopped: closing and cancelling leave it to its caller.
    Caller,
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
        None => start(Root::new(context.clone(), work), scope, By::Submission),
        Some(_) => start(Root::bound(context.clone(), work), scope, By::Submission),
    }
}

/// Spawns the work of `root` on its context.
pub(crate) fn start<C, F, T>(root: Root<C, F>, scope: Scope, by: By) -> JoinHandle<T>
where
    C: Context + ?Sized,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[cfg(feature = "tracing")]
    let root = crate::span::follow(root);
    let context = root.context().clone();
    let header = context.header();
    match Guarded::new(root, scope, by) {
        Ok(item) => {
            let (runnable, task) = allocate(item, header.this.clone(), scope, by);
            let handle = JoinHandle::of_work(header, task, Some(runnable.waker()));
            enqueue(header, Runnable(Some(runnable)));
            handle
        }
        Err(refused) => JoinHandle::of_refused(header.id, refused),
    }
}

/// Posts `closure` to `context`. It never suspends, so that nothing ever wakes it.
pub(crate) fn post<S, F, R>(context: &Arc<Inner<S>>, closure: F) -> JoinHandle<R>
where
    S: 'static,
    F: FnOnce(&S) -> R + Send + 'static,
    R: Send + 'static,
{
    let work =
        async move { trusted::with_state(closure).expect("posted work runs on its context") };
    let header = &context.header;
    let scope = header.scope();
    let by = By::Submission;
    // Of a bound context too: `work` is `Send`, and never suspends.
    let root = Root::new::<S>(context.clone(), work);
    #[cfg(feature = "tracing")]
    let root = crate::span::follow(root);
    match Guarded::new(root, scope, by) {
        Ok(item) => {
            let (runnable, task) = allocate(item, Weak::<Inner<()>>::new(), scope, by);
            enqueue(header, Runnable(Some(runnable)));
            JoinHandle::of_work(header, task, None)
        }
        Err(refused) => JoinHandle::of_refused(header.id, refused),
    }
}

fn allocate<F, T>(
    item: F,
    context: Weak<dyn Context>,
    scope: Scope,
    by: By,
) -> (Item, Task<Outcome<T>, Meta>)
where
    F: Future<Output = Outcome<T>> + Send + 'static,
    T: Send + 'static,
{
    // It captures nothing: else `async-task` would hold a waker while it calls it.
    let schedule = |item: Item, info: ScheduleInfo| {
        if info.woken_while_running {
            YIELDED.set(Some(item));
        } else if let Some(context) = item.metadata().context.upgrade() {
            enqueue(context.header(), Runnable(Some(item)));
        }
    };
    Builder::new()
        .metadata(Meta::new(context, scope, by))
        .spawn(|_| item, WithInfo(schedule))
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
    let meta = Meta::new(Weak::<Inner<()>>::new(), Scope::Remains, By::Caller);
    let (runnable, task) = Builder::new()
        .metadata(meta)
        .spawn(|_| async move { drop(buried) }, drop);
    task.detach();
    enqueue(header, Runnable(Some(runnable)));
}
