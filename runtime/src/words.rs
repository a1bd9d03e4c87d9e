//! The words of a context body. The attributes rewrite them, with an `@` and the body's token; as the
//! user wrote them they are an error.

/// The request context of this body: [`CurrentContext`](crate::CurrentContext), which dereferences to
/// the state.
///
/// Only in the body of a [`#[context_async]`](macro@crate::context_async) fn or a
/// [`context_block!`](crate::context_block). Sync code takes `&State` as an argument:
/// `audit(&context!())`.
///
/// The compiler's "`the_request_context` does not live long enough" means that a block which uses it
/// leaves this body, to another task or thread. Take out what you need before, or give
/// [`scheduler!().spawn(..)`](crate::Scheduler::spawn) a
/// [`context_block!`](crate::context_block), which has a context of its own.
#[macro_export]
macro_rules! context {
    (@) => {};
    (@ $token:ident) => {
        (*$token)
    };
    ($($unchecked:tt)*) => {
        ::core::compile_error!(
            "`context!()` needs a request context, and none is in scope here; annotate the `async fn` \
             with `#[context_async(State)]`, or take `&State` as an argument"
        )
    };
}

/// The scheduler of this body's context: [`Scheduler`](crate::Scheduler).
///
/// Only in the body of a [`#[context_async]`](macro@crate::context_async) fn or a
/// [`context_block!`](crate::context_block).
#[macro_export]
macro_rules! scheduler {
    (@) => {};
    (@ $token:ident) => {
        $crate::__private::scheduler($token)
    };
    ($($unchecked:tt)*) => {
        ::core::compile_error!(
            "`scheduler!()` needs a request context, and none is in scope here; annotate the \
             `async fn` with `#[context_async(State)]`, or take a `Scheduler<State>` as an argument"
        )
    };
}

/// Turns a call that needs the context into an ordinary future bound to this body, for combinators,
/// nested `async` blocks and closures: `timeout(second, attach!(greeting(3)))`.
///
/// Only in the body of a [`#[context_async]`](macro@crate::context_async) fn or a
/// [`context_block!`](crate::context_block). The future cannot leave the body:
/// [`scheduler!().spawn(..)`](crate::Scheduler::spawn) is for work that does.
#[macro_export]
macro_rules! attach {
    (@) => {};
    (@ $token:ident, $work:expr $(,)?) => {
        // SAFETY: the attributes write this, with the token of the body it stands in.
        (unsafe { $crate::__private::attach_to($token) }).work($work)
    };
    ($($unchecked:tt)*) => {
        ::core::compile_error!(
            "`attach!(..)` needs a request context, and none is in scope here; annotate the `async fn` \
             with `#[context_async(State)]`"
        )
    };
}
