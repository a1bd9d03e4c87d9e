//! Spawned and posted work: one `async-task` task, scheduled into the queue of its context.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{self, Poll},
};

use async_task::Builder;
use pin_project_lite::pin_project;

use crate::{
    JoinHandle, Work,
    context::{Context, Header, enqueue},
    family::{Heirs, Refused},
    outstanding::{Failure, Payload, discard, failure},
    trusted::{self, Root},
    waiters::Place,
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

/// One item's turn. An aborted one is dropped instead, which drops its future, on the context; and so
/// is every one of a context that is cancelled.
pub(crate) fn run(item: Runnable, context: &Header) {
    let flags = item.metadata();
    if flags.aborted.load(Ordering::Relaxed) || context.cancellation.is_cancelled() {
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
    heirs: Heirs,
}

impl Unclaimed {
    /// Of a panic now, on `context`.
    fn new<C: Context + ?Sized>(context: &Arc<C>, payload: Payload) -> Self {
        context.header().panicked(&*payload);
        Unclaimed {
            failure: Some(failure(payload)),
            heirs: Heirs::of(&context.clone().into_dyn()),
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
    struct Item<C, F> where C: Context, C: ?Sized {
        #[pin]
        root: Root<C, F>,
        // Where it waits for a cancellation, once it has suspended.
        place: Option<Place>,
    }

    impl<C, F> PinnedDrop for Item<C, F> where C: Context, C: ?Sized {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut root = this.root;
            root.context().header().cancellation.leave(this.place);
            if let Err(payload) = drop_caught(root.as_mut()) {
                drop(Unclaimed::new(root.context(), payload));
            }
            // Within a turn the work has only ended when the turn has: its outcome, a panic perhaps,
            // is stored after its future is dropped.
            let header = root.context().header();
            if !trusted::ends_in_entry(header) {
                header.end(1);
            }
        }
    }
}

impl<C: Context + ?Sized, F: Future> Item<C, F> {
    /// The work, counted. If the context takes no more, the work is dropped unexecuted.
    fn new<S: ?Sized>(context: Arc<C>, work: impl Work<S, Future = F>) -> Result<Self, Refused> {
        // First, as it runs user code, which may panic.
        let root = Root::new(context, work);
        root.context().header().begin()?;
        Ok(Item { root, place: None })
    }
}

fn drop_caught<C: Context + ?Sized, F>(root: Pin<&mut Root<C, F>>) -> Result<(), Payload> {
    catch_unwind(AssertUnwindSafe(|| root.drop_body()))
}

impl<C: Context + ?Sized, F: Future> Future for Item<C, F> {
    type Output = Outcome<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut root = this.root;
        let output = match catch_unwind(AssertUnwindSafe(|| root.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => Ok(Output(Some(output))),
            Ok(Poll::Pending) => {
                let cancellation = &root.context().header().cancellation;
                cancellation.suspend(this.place, cx.waker());
                return Poll::Pending;
            }
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

/// Spawns `work` on `context`.
pub(crate) fn spawn<S, C, F, T>(context: &Arc<C>, work: impl Work<S, Future = F>) -> JoinHandle<T>
where
    S: ?Sized,
    C: Context + ?Sized,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let erased = context.clone().into_dyn();
    let id = context.header().id;
    let item = match Item::new(context.clone(), work) {
        Ok(item) => item,
        Err(refused) => return JoinHandle::of_refused(id, refused),
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
    let handle = JoinHandle::of_work(id, task, runnable.waker(), flags);
    enqueue(erased, runnable);
    handle
}
