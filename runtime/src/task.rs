//! Spawned and posted work: one `async-task` task, scheduled into the queue of its context.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{self, Poll, ready},
};

use async_task::Builder;
use pin_project_lite::pin_project;

use crate::{
    JoinHandle, Work,
    context::{Context, Header, enqueue},
    outstanding::{Failure, Outstanding, Payload, contained, discard},
    trusted::{self, Root},
};

/// What the queue and the handle say to each other about one item. `Relaxed` throughout: the flags
/// carry nothing, and whoever sets one wakes the item, so that the queue looks at it again.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    aborted: AtomicBool,
    detached: AtomicBool,
}

impl Flags {
    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn detach(&self) {
        self.detached.store(true, Ordering::Relaxed);
    }
}

/// What the queue holds: one turn of a piece of work.
pub(crate) type Runnable = async_task::Runnable<Arc<Flags>>;

/// One item's turn. An aborted one is dropped instead, which drops its future, on the context.
pub(crate) fn run(item: Runnable) {
    let flags = item.metadata();
    if flags.aborted.load(Ordering::Relaxed) {
        return;
    }
    // Work that suspends with neither handle nor waker left can never go on. `async-task` would leak
    // it; with this waker as the last one to go, it is scheduled once more, to be dropped.
    let last = flags.detached.load(Ordering::Relaxed).then(|| item.waker());
    item.run();
    drop(last);
}

/// What a piece of work came to. Without `Err` being taken, the panic goes to `idle`.
pub(crate) type Outcome<T> = Result<Output<T>, Unclaimed>;

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
    context: Weak<dyn Context>,
}

impl Unclaimed {
    fn new<C: Context + ?Sized>(context: &Arc<C>, payload: Payload) -> Self {
        Unclaimed {
            failure: Some(context.header().outstanding.failure(payload)),
            context: Arc::downgrade(&context.clone().into_dyn()),
        }
    }

    pub(crate) fn claim(mut self) -> Payload {
        self.failure.take().expect("claimed once").1
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        match (self.failure.take(), self.context.upgrade()) {
            (Some(failure), Some(context)) => context.header().outstanding.report(failure),
            (Some(failure), None) => discard(failure),
            (None, _) => {}
        }
    }
}

pin_project! {
    /// The future inside the task; outstanding from `new` until it is dropped. It never panics, and
    /// neither does its drop: `async-task` would abort the process.
    struct Item<C, F> where C: Context, C: ?Sized {
        #[pin]
        root: Root<C, F>,
    }

    impl<C, F> PinnedDrop for Item<C, F> where C: Context, C: ?Sized {
        fn drop(this: Pin<&mut Self>) {
            let mut root = this.project().root;
            if let Err(payload) = drop_caught(root.as_mut()) {
                drop(Unclaimed::new(root.context(), payload));
            }
            end(root.context().header());
        }
    }
}

/// Ends one piece of work. Within a turn that is when the turn has ended: the outcome, a panic
/// perhaps, is stored after the future is dropped.
fn end(header: &Header) {
    if !trusted::ends_in_entry(header) {
        header.outstanding.end(1);
    }
}

impl<C: Context + ?Sized, F: Future> Item<C, F> {
    /// The work, counted; nothing if it may not begin, and then it is dropped unexecuted.
    fn new(root: Root<C, F>, begin: Begin) -> Option<Self> {
        begin(&root.context().header().outstanding).then(|| Item { root })
    }
}

fn drop_caught<C: ?Sized, F>(root: Pin<&mut Root<C, F>>) -> Result<(), Payload> {
    catch_unwind(AssertUnwindSafe(|| root.drop_body()))
}

impl<C: Context + ?Sized, F: Future> Future for Item<C, F> {
    type Output = Outcome<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut root = self.project().root;
        let output = match catch_unwind(AssertUnwindSafe(|| root.as_mut().poll(cx))) {
            Ok(poll) => Ok(Output(Some(ready!(poll)))),
            Err(payload) => Err(payload),
        };
        // Dropped before the outcome is known to anyone. Its first panic is the one that counts.
        let dropped = drop_caught(root.as_mut());
        Poll::Ready(match (output, dropped) {
            (Ok(output), Ok(())) => Ok(output),
            (Err(payload), later) => {
                if let Err(later) = later {
                    discard(later);
                }
                Err(Unclaimed::new(root.context(), payload))
            }
            (Ok(_), Err(payload)) => Err(Unclaimed::new(root.context(), payload)),
        })
    }
}

/// How work is counted: [`Outstanding::begin`], unless it belongs to what is there already.
pub(crate) type Begin = fn(&Outstanding) -> bool;

/// Spawns `work` on `context`.
pub(crate) fn spawn<S, C, F, T>(context: &Arc<C>, work: impl Work<S, Future = F>) -> JoinHandle<T>
where
    S: ?Sized,
    C: Context + ?Sized,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    // First the root, as that runs user code, which may panic.
    match context.header().kind.home() {
        None => start(Root::new(context.clone(), work), Outstanding::begin),
        Some(_) => start(Root::bound(context.clone(), work), Outstanding::begin),
    }
}

/// Spawns the work of `root` on its context.
pub(crate) fn start<C, F, T>(root: Root<C, F>, begin: Begin) -> JoinHandle<T>
where
    C: Context + ?Sized,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let erased = root.context().clone().into_dyn();
    let id = erased.header().id;
    let home = erased.header().kind.home().map(|home| home.thread());
    let Some(item) = Item::new(root, begin) else {
        return JoinHandle::of_closed(id);
    };
    let flags = Arc::<Flags>::default();
    // Weak, as a waker may outlive the work: a timer's, say. Live work owns its context, so there is
    // one whenever there is something to schedule.
    let weak = Arc::downgrade(&erased);
    let schedule = move |item: Runnable| {
        if let Some(context) = weak.upgrade() {
            enqueue(context, item);
        }
    };
    let (runnable, task) = Builder::new()
        .metadata(flags.clone())
        .spawn(|_| item, schedule);
    let handle = JoinHandle::of_work(id, home, task, runnable.waker(), flags);
    enqueue(erased, runnable);
    handle
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

    context.header().outstanding.begin_anyway();
    let buried = Buried(context.clone(), Some(remains));
    let (runnable, task) = Builder::new()
        .metadata(Arc::<Flags>::default())
        .spawn(|_| async move { drop(buried) }, drop);
    task.detach();
    enqueue(context, runnable);
}
