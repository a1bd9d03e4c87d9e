//! What a context fn returns: lazy work that is a future only where a context is known.

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

/// The compiler's proof that code is inside a body which has a request context.
///
/// Nothing implements it: what needs a context is not a future by itself. Annotated bodies, `run` and
/// `spawn` take such work by another way, and everywhere else this trait's message is the error.
#[diagnostic::on_unimplemented(
    message = "this call needs a request context, and none is known to be in scope here",
    label = "not known to run on a request context",
    note = "in an `async fn` without the attribute: annotate it, `#[context_async(State)]`",
    note = "in an annotated fn: what is handed to other code (`timeout`, `join_all`, `.instrument(..)`, \
            `Box::pin`), or stands in an `async` block, a closure or an unknown macro, is not checked; \
            write `attach!(call())` there",
    note = "to enter a context from outside: `context.run(call()).await`; to start more work on this \
            one: `scheduler!().spawn(call())`; both take the call itself, or \
            `context_block!(State, async move {{ .. }})`"
)]
pub trait InsideContextAsync {}

/// A call that needs a context, and the future that it is where one is known: nowhere, by this bound.
///
/// The bound stands on an associated type, and not only on the impls of `Future`, for the sake of the message:
/// rustc then does not know that an `.await` led here, and does not advise to remove it, or to make an
/// `async fn` asynchronous.
pub trait CallOfAContextFn {
    // In one line, as messages quote it.
    #[rustfmt::skip]
    #[doc(hidden)]
    type Future where Self: InsideContextAsync;
}

impl<S: 'static> CallOfAContextFn for NeedsContext<S> {
    type Future
        = ()
    where
        Self: InsideContextAsync;
}

impl<F> CallOfAContextFn for AnyContextFor<F> {
    type Future
        = ()
    where
        Self: InsideContextAsync;
}

/// The same as `InsideContextAsync`, but a step further from the impls of `Future`: of several ways to one
/// failure rustc tells the shortest, which is to be that of `CallOfAContextFn`.
pub trait CalledInsideContextAsync: InsideContextAsync {}

impl<T: InsideContextAsync> CalledInsideContextAsync for T {}

/// Work that needs a request context with state `S`: what a
/// [`#[context_async(S)]`](macro@crate::context_async) fn returns.
///
/// Awaited in another such body, it becomes part of it and costs what a plain `async fn` costs. Given
/// to [`RequestContext::run`](crate::RequestContext::run) or
/// [`Scheduler::spawn`](crate::Scheduler::spawn), it enters that context. Anywhere else it is not a
/// future, and using it as one does not compile:
///
/// ```compile_fail,E0277
/// use request_context::{context, context_async};
///
/// #[context_async(String)]
/// async fn greeting() -> usize {
///     context!().len()
/// }
///
/// async fn forgot_the_attribute() {
///     greeting().await;
/// }
/// ```
#[must_use = "this work needs a request context and does nothing by itself: `.await` it in a \
              `#[context_async]` fn, or give it to `run` or `spawn`"]
pub struct NeedsContext<S: 'static, F = (), A = ()> {
    pub(crate) body: F,
    // Invariant, so that no two states are confused by a lifetime.
    state: PhantomData<fn(S) -> S>,
    // `()`. In the impl of `Future` it is what fails with our message.
    always: PhantomData<fn() -> A>,
}

/// Work that needs a request context, whatever its state: what a bare
/// [`#[context_async]`](macro@crate::context_async) fn returns. See [`NeedsContext`].
#[must_use = "this work needs a request context and does nothing by itself: `.await` it in a \
              `#[context_async]` fn, or give it to `run` or `spawn`"]
pub struct NeedsAnyContext<F, A = ()> {
    pub(crate) body: F,
    always: PhantomData<fn() -> A>,
}

/// Stands for the context that a [`NeedsAnyContext`] needs, in the compiler's messages.
#[derive(Debug)]
pub struct AnyContextFor<F>(PhantomData<F>);

/// Wraps the body of a context fn. Harmless by itself: a wrapped future can do less, not more.
#[inline(always)]
pub fn needs_context<S: 'static, F: Future>(body: F) -> NeedsContext<S, F> {
    NeedsContext {
        body,
        state: PhantomData,
        always: PhantomData,
    }
}

/// Wraps the body of a bare context fn.
#[inline(always)]
pub fn needs_any_context<F: Future>(body: F) -> NeedsAnyContext<F> {
    NeedsAnyContext {
        body,
        always: PhantomData,
    }
}

// The bound is on a local type and a local trait without parameters, so coherence knows that it never
// holds, and lets `Work` be implemented for all futures and for this type.
impl<S: 'static, F: Future> Future
    for NeedsContext<S, F, <NeedsContext<S> as CallOfAContextFn>::Future>
where
    NeedsContext<S>: CalledInsideContextAsync,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<F::Output> {
        unreachable!("nothing implements `InsideContextAsync`")
    }
}

impl<F: Future> Future for NeedsAnyContext<F, <AnyContextFor<F> as CallOfAContextFn>::Future>
where
    AnyContextFor<F>: CalledInsideContextAsync,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<F::Output> {
        unreachable!("nothing implements `InsideContextAsync`")
    }
}

impl<S: 'static, F> fmt::Debug for NeedsContext<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NeedsContext<{}>", std::any::type_name::<S>())
    }
}

impl<F> fmt::Debug for NeedsAnyContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NeedsAnyContext")
    }
}

/// What a `#[detached]` fn or part may await: every ordinary future, and nothing that needs a context.
#[diagnostic::on_unimplemented(
    message = "this call needs a request context, and the code here is `#[detached]` from it",
    label = "needs a request context, which is detached here",
    note = "in a `#[detached]` fn: annotate it `#[context_async(State)]` instead; or pass it a \
            `Scheduler<State>`, and write `scheduler.run(call()).await`",
    note = "in a `#[detached]` part of a body: call it before or after the part; or take `scheduler!()` \
            before it, and write `scheduler.run(call()).await` in it"
)]
pub trait OffContext: Sized {
    #[doc(hidden)]
    type Future: Future;
    #[doc(hidden)]
    fn into_plain(self) -> Self::Future;
}

impl<T: IntoFuture> OffContext for T {
    type Future = T::IntoFuture;

    #[inline(always)]
    fn into_plain(self) -> T::IntoFuture {
        self.into_future()
    }
}

/// Implemented by nothing.
pub trait Nowhere {}

// Never holds. With two candidates rustc stops at the message of `OffContext`, as at that of `Work`.
#[diagnostic::do_not_recommend]
impl<S: 'static, F: Future + Nowhere> OffContext for NeedsContext<S, F> {
    type Future = F;

    fn into_plain(self) -> F {
        unreachable!("nothing implements `Nowhere`")
    }
}

#[diagnostic::do_not_recommend]
impl<F: Future + Nowhere> OffContext for NeedsAnyContext<F> {
    type Future = F;

    fn into_plain(self) -> F {
        unreachable!("nothing implements `Nowhere`")
    }
}
