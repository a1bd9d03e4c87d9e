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

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::{
    context::{Context, Header},
    suspended::Suspended,
    waiters::Place,
};

/// Whether a context is cancelled, and whom to tell.
pub(crate) struct Cancellation {
    suspended: Suspended,
    /// Made when someone asks for it.
    token: OnceLock<Box<Watched>>,
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
}

impl Wake for Cancel {
    /// Called by whoever cancels the token, or one above it.
    fn wake(self: Arc<Self>) {
        // ORDERING: Relaxed. It carries nothing, and `suspend` looks at it behind a lock that `wake_all`
        // takes later.
        self.cancelled.store(true, Ordering::Relaxed);
        if let Some(context) = self.context.upgrade() {
            context.header().cancellation.suspended.wake_all();
        }
    }
}

impl Cancellation {
    pub(crate) fn new() -> Self {
        Cancellation {
            suspended: Suspended::new(),
            token: OnceLock::new(),
        }
    }

    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        // ORDERING: Relaxed, see `Cancel`.
        let cancelled = |watched: &Watched| watched.cancel.cancelled.load(Ordering::Relaxed);
        self.token.get().is_some_and(|watched| cancelled(watched))
    }

    /// Keeps the waker of work that suspends, so that a cancellation reaches it; wakes it at once if there
    /// was one.
    pub(crate) fn suspend(&self, place: &mut Option<Place>, waker: &Waker) {
        self.suspended.keep(place, waker);
        if self.is_cancelled() {
            waker.wake_by_ref();
        }
    }

    /// Gives up a place of [`suspend`](Cancellation::suspend).
    pub(crate) fn leave(&self, place: &mut Option<Place>) {
        self.suspended.leave(place);
    }

    /// The last owner that could cancel is gone.
    pub(crate) fn out_of_reach(&self) {
        self.suspended.forget();
    }

    /// The token of `context`, whose cancellation this is. Made now, it is a child of `parent`.
    pub(crate) fn token(
        &self,
        context: &Header,
        parent: Option<&CancellationToken>,
    ) -> &CancellationToken {
        let watched = self.token.get_or_init(|| {
            self.suspended.stay_within_reach();
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
            self.suspended.wake_all();
        }
    }
}

impl Watched {
    fn new(context: &Header, parent: Option<&CancellationToken>) -> Self {
        let token = parent.map_or_else(CancellationToken::new, CancellationToken::child_token);
        let cancel = Arc::new(Cancel {
            cancelled: AtomicBool::new(false),
            context: context.this.clone(),
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
        f.debug_struct("Cancellation")
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
