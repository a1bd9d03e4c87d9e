//! Cancelling a context: its token, and how that reaches work that is suspended.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{self, Wake, Waker},
};

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::{
    context::Context,
    sync::{Mutex, lock},
    waiters::{Place, Waiters, Woken},
};

/// Whether a context is cancelled, and whom to tell.
pub(crate) struct Cancellation {
    suspended: Mutex<Suspended>,
    /// Whether work may have a place that was forgotten.
    forgotten: AtomicBool,
    /// Made when someone asks for it.
    token: OnceLock<Box<Watched>>,
}

/// Work to be woken, and then dropped, by a cancellation.
struct Suspended {
    /// Boxed, as most contexts are never cancelled.
    work: Option<Box<Waiters>>,
    by: By,
}

/// Who could cancel.
#[derive(PartialEq, Eq)]
enum By {
    Owners,
    /// Whoever has the token.
    Token,
    /// Wakers kept now would only keep work from being dropped that nobody else can wake either. Work
    /// that suspends now, and asks for the token later, is kept from then on.
    Nobody,
}

struct Watched {
    token: CancellationToken,
    cancel: Arc<Cancel>,
    /// Wakes `cancel` when the token is cancelled.
    _watch: Pin<Box<WaitForCancellationFutureOwned>>,
}

struct Cancel {
    cancelled: AtomicBool,
    context: Weak<dyn Context>,
    runtime: Handle,
}

impl Wake for Cancel {
    /// Called by whoever cancels the token, under whatever locks: so work is not dropped here, but by a
    /// task.
    fn wake(self: Arc<Self>) {
        // ORDERING: Relaxed. It carries nothing, and `suspend` looks at it behind a lock that `sweep`
        // takes later.
        self.cancelled.store(true, Ordering::Relaxed);
        let sweep = Sweep(self.context.clone());
        drop(self.runtime.spawn(async move { drop(sweep) }));
    }
}

/// Sweeps when it is dropped: a runtime that has shut down drops what it is given.
struct Sweep(Weak<dyn Context>);

impl Drop for Sweep {
    fn drop(&mut self) {
        if let Some(context) = self.0.upgrade() {
            context.header().cancellation.sweep();
        }
    }
}

impl Cancellation {
    pub(crate) fn new() -> Self {
        Cancellation {
            suspended: Mutex::new(Suspended {
                work: None,
                by: By::Owners,
            }),
            forgotten: AtomicBool::new(false),
            token: OnceLock::new(),
        }
    }

    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        // ORDERING: Relaxed, see `Cancel::wake`.
        let cancelled = |watched: &Watched| watched.cancel.cancelled.load(Ordering::Relaxed);
        self.token.get().is_some_and(|watched| cancelled(watched))
    }

    /// Wakes all suspended work, which is then dropped instead of run.
    fn sweep(&self) {
        self.take_suspended().wake();
    }

    fn take_suspended(&self) -> Woken {
        let mut suspended = lock(&self.suspended);
        let work = suspended.work.as_mut();
        work.map_or_else(Woken::default, |work| work.take())
    }

    /// Keeps the waker of work that suspends, so that a cancellation reaches it; wakes it at once if there
    /// was one.
    pub(crate) fn suspend(&self, place: &mut Option<Place>, waker: &Waker) {
        // ORDERING: Relaxed. Who forgets takes the lock, and so does who makes a token after that.
        if place.is_none() || self.forgotten.load(Ordering::Relaxed) {
            let waker = waker.clone();
            let replaced = {
                let mut suspended = lock(&self.suspended);
                if suspended.by == By::Nobody {
                    Some(waker)
                } else {
                    let work = suspended.work.get_or_insert_default();
                    work.register(place, waker)
                }
            };
            drop(replaced);
        }
        if self.is_cancelled() {
            waker.wake_by_ref();
        }
    }

    /// Gives up a place of [`suspend`](Cancellation::suspend).
    pub(crate) fn leave(&self, place: &mut Option<Place>) {
        if place.is_some() {
            let waker = {
                let mut suspended = lock(&self.suspended);
                let work = suspended.work.as_mut();
                work.and_then(|work| work.leave(place))
            };
            drop(waker);
        }
    }

    /// Forgets suspended work: the last owner that could cancel is gone, unless someone has the token.
    pub(crate) fn out_of_reach(&self) {
        let forgotten = {
            let mut suspended = lock(&self.suspended);
            if suspended.by == By::Token {
                return;
            }
            suspended.by = By::Nobody;
            // ORDERING: Relaxed, see `suspend`.
            self.forgotten.store(true, Ordering::Relaxed);
            // Emptied and kept, so that no place of before is taken for one of later.
            suspended.work.as_mut().map(|work| work.take())
        };
        drop(forgotten);
    }

    /// The token of `context`, whose cancellation this is. Made now, it is a child of `parent`.
    pub(crate) fn token(
        &self,
        context: &Arc<dyn Context>,
        parent: Option<&CancellationToken>,
    ) -> &CancellationToken {
        let watched = self.token.get_or_init(|| {
            lock(&self.suspended).by = By::Token;
            Box::new(Watched::new(context, parent))
        });
        &watched.token
    }

    /// Cancels the context whose token [`token`](Cancellation::token) has made.
    pub(crate) fn cancel(&self) {
        if let Some(watched) = self.token.get() {
            watched.token.cancel();
            // Another thread may have been first with the token, and not have told us yet.
            watched.cancel.cancelled.store(true, Ordering::Relaxed);
            self.sweep();
        }
    }
}

impl Watched {
    fn new(context: &Arc<dyn Context>, parent: Option<&CancellationToken>) -> Self {
        let token = parent.map_or_else(CancellationToken::new, CancellationToken::child_token);
        let cancel = Arc::new(Cancel {
            cancelled: AtomicBool::new(false),
            context: Arc::downgrade(context),
            runtime: context.header().runtime.clone(),
        });
        let waker = Waker::from(cancel.clone());
        let mut watch = Box::pin(token.clone().cancelled_owned());
        if watch
            .as_mut()
            .poll(&mut task::Context::from_waker(&waker))
            .is_ready()
        {
            waker.wake();
        }
        Watched {
            token,
            cancel,
            _watch: watch,
        }
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suspended = lock(&self.suspended).work.as_ref().map_or(0, |w| w.len());
        f.debug_struct("Cancellation")
            .field("cancelled", &self.is_cancelled())
            .field("suspended", &suspended)
            .finish_non_exhaustive()
    }
}
