//! Bodies: futures that are only polled inside their context: invariant 4.
//!
//! What every await of a body goes through is `inline(always)`: without it, unoptimised builds compile a copy of it
//! for each fn, apart from the fn.

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
};

use pin_project_lite::pin_project;

use super::{
    entry::{check, enter, on_its_context},
    token::{CurrentAnyContext, Token},
};
use crate::{
    NeedsAnyContext, NeedsContext,
    context::{Context, Header, Held, Waiting},
    exclusive::Scope,
    outstanding::contained,
};

/// What can run on a context with state `S`: a call of a `#[context_async(S)]` fn, of a bare
/// `#[context_async]` fn, a `context_block!`, or any ordinary future.
///
/// Implemented for these and for nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot run on a request context with state `{S}`",
    label = "needs a request context with another state than `{S}`",
    note = "a fn that works with more than one state can be generic over it: \
            `#[context_async(C)] async fn f<C: HasUser>()`, or take none: `#[context_async]`",
    note = "the state of a bare `#[context_async]` body is not known, and called `AnyState`: name it, \
            `#[context_async(State)]`, to call what needs that state"
)]
pub trait Work<S: ?Sized>: Sized {
    /// What the work results in.
    type Output;
    /// The work itself, polled on the context only. Named in bounds: `W::Future: Send + 'static`.
    type Future: Future<Output = Self::Output>;
    /// The work as an ordinary future that lives no longer than the body it is attached to.
    #[doc(hidden)]
    type Bound<'a>: Future<Output = Self::Output>
    where
        S: 'a;

    /// # Safety
    ///
    /// The future must be polled only as invariant 4 says.
    #[doc(hidden)]
    unsafe fn into_raw(self) -> Self::Future;

    /// # Safety
    ///
    /// `token` must be that of the body which the result does not leave, with state `S`.
    #[doc(hidden)]
    unsafe fn bind<'a>(self, token: CurrentAnyContext<'a>) -> Self::Bound<'a>
    where
        S: 'a;
}

/// `T: IsState<T>`, and nothing else.
pub trait IsState<T> {}

impl<T> IsState<T> for T {}

impl<S: ?Sized, T: IntoFuture> Work<S> for T {
    type Output = T::Output;
    type Future = T::IntoFuture;
    type Bound<'a>
        = T::IntoFuture
    where
        S: 'a;

    #[inline(always)]
    unsafe fn into_raw(self) -> T::IntoFuture {
        self.into_future()
    }

    unsafe fn bind<'a>(self, _: CurrentAnyContext<'a>) -> T::IntoFuture
    where
        S: 'a,
    {
        self.into_future()
    }
}

// For every state, and bounded to the one that fits: with two candidates rustc stops here, with the
// message of `Work`, and does not go on to say that there is no context.
#[diagnostic::do_not_recommend]
impl<S: ?Sized + IsState<T>, T: 'static, F: Future> Work<S> for NeedsContext<T, F> {
    type Output = F::Output;
    type Future = F;
    type Bound<'a>
        = Attached<'a, F>
    where
        S: 'a;

    #[inline(always)]
    unsafe fn into_raw(self) -> F {
        self.body
    }

    unsafe fn bind<'a>(self, token: CurrentAnyContext<'a>) -> Attached<'a, F>
    where
        S: 'a,
    {
        Attached {
            body: self.body,
            token,
        }
    }
}

#[diagnostic::do_not_recommend]
impl<S: ?Sized, F: Future> Work<S> for NeedsAnyContext<F> {
    type Output = F::Output;
    type Future = F;
    type Bound<'a>
        = Attached<'a, F>
    where
        S: 'a;

    #[inline(always)]
    unsafe fn into_raw(self) -> F {
        self.body
    }

    unsafe fn bind<'a>(self, token: CurrentAnyContext<'a>) -> Attached<'a, F>
    where
        S: 'a,
    {
        Attached {
            body: self.body,
            token,
        }
    }
}

pin_project! {
    /// Work bound to the body it was attached in: an ordinary future that cannot leave it.
    ///
    /// # Panics
    ///
    /// Polling it where its context is detached, or on a thread that is not in it, panics.
    #[must_use = "an attached call has not started, and is lost unless it is awaited: `.await` it, or hand \
                  it to what does"]
    pub struct Attached<'a, F> {
        #[pin]
        body: F,
        token: CurrentAnyContext<'a>,
    }
}

impl<F: Future> Future for Attached<'_, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // On top: what starts in this poll takes its token from there.
        on_its_context(this.token.start(), || this.body.poll(cx))
    }
}

impl<F> fmt::Debug for Attached<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attached").field(&self.token).finish()
    }
}

pin_project! {
    /// Work that entered a context from outside, and the context it keeps alive.
    pub(crate) struct Root<C: ?Sized, F> {
        // Before the context: a body is dropped while its context lives.
        #[pin]
        body: Option<F>,
        context: Arc<C>,
    }
}

impl<C: Context + ?Sized, F: Future> Root<C, F> {
    pub(crate) fn new<S: ?Sized>(context: Arc<C>, work: impl Work<S, Future = F>) -> Self {
        // SAFETY: polled by `poll` below, which checks, and by nothing else.
        Self::of_body(context, unsafe { work.into_raw() })
    }
}

impl<C: ?Sized, F> Root<C, F> {
    pub(super) fn of_body(context: Arc<C>, body: F) -> Self {
        Root {
            body: Some(body),
            context,
        }
    }

    /// The same work in `span`. What is around the body polls it in its own poll, and nowhere else.
    #[cfg(feature = "tracing")]
    pub(crate) fn in_span(self, span: tracing::Span) -> Root<C, crate::span::InSpan<F>> {
        Root {
            body: self.body.map(|body| crate::span::InSpan::new(body, span)),
            context: self.context,
        }
    }
}

impl<C: Context + ?Sized, F: Future> Future for Root<C, F> {
    type Output = F::Output;

    /// Polls the body. The caller has entered the context.
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let header = this.context.header();
        check(header.current.start());
        let body = this.body.as_pin_mut();
        let body = body.expect("polled after it was dropped");
        header.around_turn(|| body.poll(cx))
    }
}

impl<C: Context + ?Sized, F: Future> Root<C, F> {
    /// Polls the body in a turn of its own, or leaves a waker where `waiting` says. Drops it when it is ready.
    #[inline]
    pub(crate) fn poll_as_turn(
        self: Pin<&mut Self>,
        scope: Scope,
        cx: &mut task::Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<F::Output> {
        let this = self.project();
        let header = this.context.header();
        // Two places, so that a turn that is had at once need not be moved through memory.
        match header.try_admitted(waiting) {
            Some(held) => poll_in(&held, this.body, cx),
            None => poll_when_admitted(header, scope, waiting, this.body, cx),
        }
    }
}

#[inline]
fn poll_in<F: Future>(
    held: &Held<'_>,
    mut body: Pin<&mut Option<F>>,
    cx: &mut task::Context<'_>,
) -> Poll<F::Output> {
    enter(held, false, || {
        held.header().around_turn(|| {
            let work = body.as_mut().as_pin_mut();
            let output = ready!(work.expect("`run` was polled after it was ready").poll(cx));
            body.set(None);
            Poll::Ready(output)
        })
    })
}

#[cold]
fn poll_when_admitted<F: Future>(
    header: &Header,
    scope: Scope,
    waiting: &mut Waiting,
    body: Pin<&mut Option<F>>,
    cx: &mut task::Context<'_>,
) -> Poll<F::Output> {
    let held = ready!(header.poll_admitted(scope, cx, waiting));
    poll_in(&held, body, cx)
}

impl<C: Context + ?Sized, F> Root<C, F> {
    pub(crate) fn is_done(&self) -> bool {
        self.body.is_none()
    }

    pub(crate) fn context(&self) -> &Arc<C> {
        &self.context
    }

    /// Drops the body. The caller has entered the context.
    pub(crate) fn drop_body(self: Pin<&mut Self>) {
        /// Drops the body also when a hook around the turn panics before it does.
        struct Dropping<'a, F>(Pin<&'a mut Option<F>>);
        impl<F> Drop for Dropping<'_, F> {
            fn drop(&mut self) {
                if self.0.is_some() {
                    contained(|| self.0.set(None));
                }
            }
        }

        let this = self.project();
        if this.body.is_some() {
            let mut body = Dropping(this.body);
            let header = this.context.header();
            header.around_turn(|| body.0.set(None));
        }
    }
}

/// The right to await context work in place, which only the body of a context fn has.
#[derive(Debug)]
pub struct Inside<S: ?Sized>(PhantomData<fn(Box<S>) -> Box<S>>);

/// # Safety
///
/// Only in a body wrapped in `NeedsContext<S, _>` (or `NeedsAnyContext<_>` for [`AnyState`]); what
/// its `call` returns is awaited at once, in that body itself.
///
/// [`AnyState`]: crate::__private::AnyState
#[inline(always)]
pub unsafe fn inside<S: ?Sized>() -> Inside<S> {
    Inside(PhantomData)
}

impl<S: ?Sized> Inside<S> {
    /// The future of work that is awaited at once.
    ///
    /// `F` is a parameter so that wrong work is one error, here, and not another at the `.await`.
    #[inline(always)]
    pub fn call<T, F>(self, work: T) -> F
    where
        T: Work<S, Future = F>,
    {
        // SAFETY: the contract of `inside`: awaited at once in a body with state `S`, which is polled
        // on its context, and so is this.
        unsafe { work.into_raw() }
    }
}

/// The right to attach work to the body whose token it holds.
#[derive(Debug)]
pub struct AttachTo<'a, S: ?Sized> {
    token: CurrentAnyContext<'a>,
    state: PhantomData<fn(Box<S>) -> Box<S>>,
}

/// # Safety
///
/// `token` must be that of the body this is called in.
pub unsafe fn attach_to<'a, T: Token<'a>>(token: &T) -> AttachTo<'a, T::State> {
    AttachTo {
        token: token.any(),
        state: PhantomData,
    }
}

impl<'a, S: ?Sized> AttachTo<'a, S> {
    /// The work as an ordinary future. `B` is a parameter for the same reason as in `Inside::call`.
    pub fn work<T, B>(self, work: T) -> B
    where
        T: Work<S, Bound<'a> = B>,
        S: 'a,
    {
        // SAFETY: the contract of `attach_to`: the token of a body with state `S`.
        unsafe { work.bind(self.token) }
    }
}
