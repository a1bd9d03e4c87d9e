//! Outstanding work: what `idle` waits for, and the panics it reports.

use std::{
    any::Any,
    error::Error,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use crate::{
    ContextId,
    sync::{AtomicUsize, Mutex, Ordering, lock},
    waiters::{Place, Waiters},
};

/// What a panicking piece of work left.
pub(crate) type Payload = Box<dyn Any + Send>;

/// The text of a panic, if it has one.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is not a text")
}

/// Runs foreign code whose panic, which the panic hook has reported, ends here; its payload too may
/// panic when it is dropped.
pub(crate) fn contained(work: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
        discard(payload);
    }
}

pub(crate) fn discard<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        mem::forget(payload);
    }
}

/// The lowest bit of the count: the context is closed, and nothing begins any more.
const CLOSED: usize = 1;
/// One piece of work in the count.
const ONE: usize = 2;

/// Spawned and posted work from before it is queued until it is dropped.
pub(crate) struct Outstanding {
    count: AtomicUsize,
    failures: AtomicUsize,
    shared: Mutex<Shared>,
}

/// A panic, and the how manieth of its context it was.
pub(crate) type Failure = (usize, Payload);

#[derive(Default)]
struct Shared {
    idle: Waiters,
    failures: Vec<Failure>,
}

impl Outstanding {
    pub(crate) fn new() -> Self {
        Outstanding {
            count: AtomicUsize::new(0),
            failures: AtomicUsize::new(0),
            shared: Mutex::new(Shared::default()),
        }
    }

    /// Counts one more piece of work; false if the context is closed. One exchange decides between this
    /// and `close`, so whoever waits for `idle` after `close` misses nothing that began before.
    #[must_use]
    pub(crate) fn begin(&self) -> bool {
        // ORDERING: Relaxed. Who begins work holds the context, and whoever waits for this very
        // work learnt of it from the one who began it.
        let open = self.count.fetch_add(ONE, Ordering::Relaxed) & CLOSED == 0;
        if !open {
            self.end(1);
        }
        open
    }

    /// Counts one more piece of work, also of a closed context: one that is part of what was there.
    pub(crate) fn begin_anyway(&self) -> bool {
        // ORDERING: Relaxed, as in `begin`.
        self.count.fetch_add(ONE, Ordering::Relaxed);
        true
    }

    /// Lets no more work begin.
    pub(crate) fn close(&self) {
        // ORDERING: AcqRel, as an `end`: what was done before the close is seen after it.
        self.count.fetch_or(CLOSED, Ordering::AcqRel);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.count.load(Ordering::Acquire) & CLOSED != 0
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire) / ONE
    }

    /// Ends `ended` pieces of work. All they did happens before an `idle` that sees none left.
    pub(crate) fn end(&self, ended: usize) {
        // ORDERING: AcqRel. Release pairs with the Acquire in `poll_idle`; Acquire, so that the last
        // one has seen the others end.
        let before = self.count.fetch_sub(ended * ONE, Ordering::AcqRel);
        if before & !CLOSED == ended * ONE {
            // The lock orders this after a waiter that registered before it saw the count.
            let woken = lock(&self.shared).idle.take();
            woken.wake();
        }
    }

    /// Numbers a panic, in its turn.
    pub(crate) fn failure(&self, payload: Payload) -> Failure {
        // ORDERING: Relaxed, turns are ordered.
        (self.failures.fetch_add(1, Ordering::Relaxed), payload)
    }

    /// Keeps a panic that no handle took.
    pub(crate) fn report(&self, failure: Failure) {
        lock(&self.shared).failures.push(failure);
    }

    /// Ready with the panics that nobody took, once nothing is outstanding.
    pub(crate) fn poll_idle(
        &self,
        cx: &mut Context<'_>,
        place: &mut Option<Place>,
    ) -> Poll<Vec<Payload>> {
        // Registered before the count is read, so that the last `end` cannot slip between.
        let waker = cx.waker().clone();
        let replaced = lock(&self.shared).idle.register(place, waker);
        drop(replaced);
        // ORDERING: Acquire pairs with the Release in `end`.
        if self.count.load(Ordering::Acquire) & !CLOSED != 0 {
            return Poll::Pending;
        }
        self.leave(place);
        let mut failures = mem::take(&mut lock(&self.shared).failures);
        // A handle may be dropped long after its work has failed.
        failures.sort_by_key(|(number, _)| *number);
        Poll::Ready(failures.into_iter().map(|(_, payload)| payload).collect())
    }

    pub(crate) fn leave(&self, place: &mut Option<Place>) {
        let waker = lock(&self.shared).idle.leave(place);
        drop(waker);
    }
}

impl fmt::Debug for Outstanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outstanding")
            .field("count", &self.count())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// Work of a context panicked, and no [`JoinHandle`](crate::JoinHandle) took the panic.
///
/// What [`RequestContext::idle`](crate::RequestContext::idle) returns: every such panic since the
/// last call, in the order in which the work failed.
pub struct Panicked {
    context: ContextId,
    payloads: Vec<Payload>,
}

impl Panicked {
    pub(crate) fn new(context: ContextId, payloads: Vec<Payload>) -> Self {
        Panicked { context, payloads }
    }

    /// The context whose work panicked.
    pub fn context_id(&self) -> ContextId {
        self.context
    }

    /// The panics' texts, in order.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.payloads.iter().map(|payload| message(&**payload))
    }

    /// The panics' payloads, in order, for [`std::panic::resume_unwind`].
    pub fn into_payloads(self) -> Vec<Box<dyn Any + Send + 'static>> {
        self.payloads
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Panicked { context, payloads } = self;
        let pieces = if payloads.len() == 1 {
            "piece"
        } else {
            "pieces"
        };
        write!(
            f,
            "{} {pieces} of work of {context} panicked: ",
            payloads.len()
        )?;
        for (i, message) in self.messages().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}`{message}`")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panicked")
            .field("context", &self.context)
            .field("messages", &self.messages().collect::<Vec<_>>())
            .finish()
    }
}

impl Error for Panicked {}
