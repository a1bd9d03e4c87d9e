//! Cancelling a context: its token, and how that reaches work that is suspended.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering, fence},
    },
    task::{self, Wake, Waker},
};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::{
    context::{Context, Header},
    driver::watch_for_shutdown,
    family::{Alive, if_alive},
    rare::Rare,
    suspended::Suspended,
    waiters::Place,
};

/// Whether a context is cancelled, and whom to tell.
#[derive(Default)]
pub(crate) struct Cancellation {
    cancelled: AtomicBool,
    /// Whether someone may have a token that cancels this: its own, or one above it.
    handed_out: AtomicBool,
    suspended: Suspended,
    /// Made when someone asks for it.
    token: OnceLock<Watched>,
    /// Where work runs in parallel: whether something learns of a shutdown of the runtime; and whether there was one.
    watches: AtomicBool,
    shut_down: AtomicBool,
}

struct Watched {
    token: CancellationToken,
    /// Wakes `Cancel` when the token is cancelled.
    _watch: Pin<Box<WaitForCancellationFutureOwned>>,
}

struct Cancel(Weak<dyn Context>);

impl Wake for Cancel {
    /// Called by whoever cancels the token, or one above it.
    fn wake(self: Arc<Self>) {
        // Work that is dropped here may have owned the context. A panic of the state's drop would keep
        // the token from telling the others.
        if_alive(&self.0, |header| {
            let cancellation = &header.rare().cancellation;
            cancellation.say();
            cancellation.suspended.wake_all();
        });
    }
}

impl Watched {
    fn new(context: &Header, parent: Option<&CancellationToken>) -> Self {
        let token = parent.map_or_else(CancellationToken::new, CancellationToken::child_token);
        let waker = Waker::from(Arc::new(Cancel(context.this.clone())));
        let mut watch = Box::pin(token.clone().cancelled_owned());
        let mut cx = task::Context::from_waker(&waker);
        if watch.as_mut().poll(&mut cx).is_ready() {
            context.rare().cancellation.say();
        }
        Watched {
            token,
            _watch: watch,
        }
    }
}

impl Header {
    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        let rare = self.rare_if_made();
        rare.is_some_and(|rare| rare.cancellation.is_cancelled())
    }

    /// Whether someone could cancel this by a handle or a token of its own.
    fn can_be_cancelled(&self) -> bool {
        self.has_owners() || self.has_handed_out()
    }

    /// Whether someone could cancel this, or could come to: this, or one that it was forked from.
    fn is_within_reach(&self, above: &Alive) -> bool {
        self.can_be_cancelled() || above.iter().any(Header::can_be_cancelled)
    }

    /// Keeps the waker of work that suspends, so that a cancellation reaches it; wakes it at once if there
    /// was one.
    #[inline]
    pub(crate) fn suspend(&self, place: &mut Option<Place>, waker: &Waker) {
        let kept =
            |rare: &Rare| place.is_some() && !rare.cancellation.suspended.may_have_forgotten();
        if !self.rare_if_made().is_some_and(kept) {
            self.keep(place, waker);
        }
        if self.is_cancelled() || self.kind.is_concurrent() && self.is_shut_down() {
            waker.wake_by_ref();
        }
    }

    /// As [`suspend`](Header::suspend), unless nobody could cancel. Who is handed a token while this suspends
    /// cannot tell that from a token that was handed out later, of which this would not know either.
    #[inline]
    fn keep(&self, place: &mut Option<Place>, waker: &Waker) {
        if self.can_be_cancelled() || self.is_fork() {
            self.keep_within_reach(place, waker);
        }
    }

    #[cold]
    fn keep_within_reach(&self, place: &mut Option<Place>, waker: &Waker) {
        let above = self.living_ancestors();
        if self.is_within_reach(&above) {
            let suspended = &self.rare().cancellation.suspended;
            suspended.keep(place, waker, || {
                // Pairs with that of `out_of_reach`: either that finds what this has made, or this sees it
                // gone.
                fence(Ordering::SeqCst);
                self.is_within_reach(&above)
            });
            let watches = &self.rare().cancellation.watches;
            // ORDERING: Relaxed, it is done once, by whoever comes first.
            if self.kind.is_concurrent() && !watches.swap(true, Ordering::Relaxed) {
                watch_for_shutdown(self);
            }
        }
    }

    fn is_shut_down(&self) -> bool {
        let rare = self.rare_if_made();
        // ORDERING: Relaxed, as `cancelled`.
        rare.is_some_and(|rare| rare.cancellation.shut_down.load(Ordering::Relaxed))
    }

    /// For what runs no more, as its runtime has shut down: wakes what is suspended, so that it is dropped; and where
    /// work runs in parallel, what suspends now.
    pub(crate) fn shut_down(&self) {
        if self.kind.is_concurrent() {
            // ORDERING: Relaxed, as `say`.
            let shut_down = &self.rare().cancellation.shut_down;
            shut_down.store(true, Ordering::Relaxed);
        }
        if let Some(rare) = self.rare_if_made() {
            rare.cancellation.suspended.wake_all();
        }
    }

    /// Gives up a place of [`suspend`](Header::suspend).
    pub(crate) fn resume(&self, place: &mut Option<Place>) {
        if place.is_some() {
            self.rare().cancellation.suspended.leave(place);
        }
    }

    /// How much work a cancellation would have to reach.
    pub(crate) fn suspended(&self) -> usize {
        let rare = self.rare_if_made();
        rare.map_or(0, |rare| rare.cancellation.suspended.len())
    }

    /// The last owner is gone, of this and so of all that was forked from it.
    pub(crate) fn out_of_reach(&self) {
        fence(Ordering::SeqCst);
        self.forget_suspended();
        self.each_descendant(Header::forget_suspended);
    }

    fn forget_suspended(&self) {
        if let Some(rare) = self.rare_if_made() {
            let above = self.living_ancestors();
            let suspended = &rare.cancellation.suspended;
            suspended.forget(|| self.is_within_reach(&above));
        }
    }

    /// The token of this context for someone who may keep it. It also cancels what was forked from this.
    pub(crate) fn hand_out_token(&self) -> CancellationToken {
        let token = self.token(None).clone();
        self.may_be_cancelled();
        self.each_descendant(Header::may_be_cancelled);
        token
    }

    /// Someone has a token that cancels this, and may keep it for ever.
    pub(crate) fn may_be_cancelled(&self) {
        // ORDERING: Relaxed, see `keep`.
        let handed_out = &self.rare().cancellation.handed_out;
        handed_out.store(true, Ordering::Relaxed);
    }

    /// Whether someone may have a token that cancels this.
    pub(crate) fn has_handed_out(&self) -> bool {
        // ORDERING: Relaxed, as `has_owners`: see `keep`.
        let handed_out = |rare: &Rare| rare.cancellation.handed_out.load(Ordering::Relaxed);
        self.rare_if_made().is_some_and(handed_out)
    }

    /// The token of this context. Made now, it is a child of `parent`.
    pub(crate) fn token(&self, parent: Option<&CancellationToken>) -> &CancellationToken {
        let token = &self.rare().cancellation.token;
        &token.get_or_init(|| Watched::new(self, parent)).token
    }

    pub(crate) fn cancel(&self) {
        self.token(None).cancel();
        let cancellation = &self.rare().cancellation;
        // Another thread may have been first with the token, and not have told us yet.
        cancellation.say();
        cancellation.suspended.wake_all();
    }
}

impl Cancellation {
    fn say(&self) {
        // ORDERING: Relaxed. It carries nothing, and `suspend` looks at it behind a lock that whoever
        // cancels takes later.
        self.cancelled.store(true, Ordering::Relaxed);
    }

    #[inline]
    fn is_cancelled(&self) -> bool {
        // ORDERING: Relaxed, see `say`.
        self.cancelled.load(Ordering::Relaxed)
    }
}
