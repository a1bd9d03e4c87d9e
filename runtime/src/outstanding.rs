//! Outstanding work: what `idle` waits for, and the panics it reports.

use std::{
    any::Any,
    error::Error,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    ContextId,
    context::Header,
    sync::{AtomicUsize, Lazy, Mutex, Ordering, lock},
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
/// The next one: someone may wait for the count to reach zero.
const WAITED: usize = 2;
/// One piece of work in the count.
const ONE: usize = 4;

/// Spawned and posted work from before it is queued until it is dropped.
pub(crate) struct Outstanding {
    count: AtomicUsize,
    shared: Mutex<Lazy<Shared>>,
}

/// A panic, and the how manieth it was.
pub(crate) type Failure = (u64, Payload);

/// A panic that more than one context may report. Whoever takes it leaves none to the others.
pub(crate) type Unread = Arc<Mutex<Option<Failure>>>;

/// Numbers a panic, in its turn.
pub(crate) fn failure(payload: Payload) -> Failure {
    // One count for all, as a context also reports the panics of its forks. std's, as it orders nothing.
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    (NEXT.fetch_add(1, Ordering::Relaxed), payload)
}

#[derive(Default)]
struct Shared {
    idle: Waiters,
    failures: Vec<Unread>,
}

impl Outstanding {
    pub(crate) fn new() -> Self {
        Outstanding {
            count: AtomicUsize::new(0),
            shared: Mutex::new(Lazy::new()),
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
    pub(crate) fn begin_anyway(&self) {
        // ORDERING: Relaxed, as in `begin`.
        self.count.fetch_add(ONE, Ordering::Relaxed);
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
        if before & !CLOSED == (ended * ONE) | WAITED {
            self.wake_idle();
        }
    }

    #[cold]
    fn wake_idle(&self) {
        let woken = {
            let mut shared = lock(&self.shared);
            // ORDERING: Relaxed. Who sets it again does so after the lock, in which it registered.
            self.count.fetch_and(!WAITED, Ordering::Relaxed);
            shared.made().idle.take()
        };
        woken.wake();
    }

    /// Keeps a panic that no handle took.
    pub(crate) fn report(&self, failure: Unread) {
        let mut shared = lock(&self.shared);
        let failures = &mut shared.made().failures;
        if failures.len() == failures.capacity() {
            failures.retain(|failure| lock(failure).is_some());
        }
        failures.push(failure);
    }

    /// Takes the panics that nobody took.
    pub(crate) fn take_failures(&self) -> Vec<Failure> {
        let failures = mem::take(&mut lock(&self.shared).made().failures);
        let unread = failures.iter().filter_map(|failure| lock(failure).take());
        unread.collect()
    }

    /// Ready once nothing is outstanding.
    pub(crate) fn poll_idle(&self, cx: &mut Context<'_>, place: &mut Option<Place>) -> Poll<()> {
        // Registered before the count is read, so that the last `end` cannot slip between.
        let waker = cx.waker().clone();
        let replaced = lock(&self.shared).made().idle.register(place, waker);
        drop(replaced);
        // ORDERING: AcqRel. Acquire pairs with the Release in `end`. Release, and after the place was
        // registered: the `end` that sees it finds the place.
        if self.count.fetch_or(WAITED, Ordering::AcqRel) / ONE != 0 {
            return Poll::Pending;
        }
        self.leave(place);
        Poll::Ready(())
    }

    pub(crate) fn leave(&self, place: &mut Option<Place>) {
        if place.is_some() {
            let waker = lock(&self.shared).made().idle.leave(place);
            drop(waker);
        }
    }
}

/// What `Debug` tells of a context's work.
#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
pub(crate) struct Counted {
    count: usize,
    closed: bool,
}

impl Counted {
    pub(crate) fn of(context: &Header) -> Self {
        Counted {
            count: context.count(),
            closed: context.outstanding.is_closed(),
        }
    }
}

/// Work of a context panicked, and no [`JoinHandle`](crate::JoinHandle) took the panic.
///
/// What [`RequestContext::idle`](crate::RequestContext::idle) returns: every such panic since the
/// last call, in the order in which the work failed.
pub struct Panicked {
    context: ContextId,
    name: Option<Box<str>>,
    payloads: Vec<Payload>,
}

impl Panicked {
    pub(crate) fn new(context: ContextId, name: Option<&str>, mut failures: Vec<Failure>) -> Self {
        // A handle may be dropped long after its work has failed.
        failures.sort_by_key(|(number, _)| *number);
        Panicked {
            context,
            name: name.map(Into::into),
            payloads: failures.into_iter().map(|(_, payload)| payload).collect(),
        }
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
        let Panicked {
            context,
            name,
            payloads,
        } = self;
        let pieces = if payloads.len() == 1 {
            "piece"
        } else {
            "pieces"
        };
        write!(f, "{} {pieces} of work of {context} ", payloads.len())?;
        if let Some(name) = name {
            write!(f, "({name}) ")?;
        }
        f.write_str("panicked: ")?;
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
            .field("name", &self.name)
            .field("messages", &self.messages().collect::<Vec<_>>())
            .finish()
    }
}

impl Error for Panicked {}
