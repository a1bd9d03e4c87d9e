//! What runs when a turn is entered and left.

use std::{
    cell::Cell,
    thread::{self, LocalKey},
};

use crate::{outstanding::contained, settings::Around};

/// Mirrors a context's state in what belongs to the thread, for the length of each turn: a locale, the
/// current user of a legacy library. See [`Builder::around_turn`](crate::Builder::around_turn).
///
/// A turn is the stretch between two suspensions of a piece of work; each poll, and each drop, of work of
/// the context is one. `#[detached]` code within a turn still finds what the hook has set on the thread.
/// The idea is that of Kotlin's `ThreadContextElement`.
///
/// # Panics
///
/// If `enter` panics, the work does not run, and ends with that panic. A panic of `leave` ends the work
/// too; while the work panics itself, it is contained.
///
/// # Examples
///
/// ```
/// use std::cell::RefCell;
/// use request_context::{RequestContext, TurnHook};
///
/// thread_local!(static USER: RefCell<String> = RefCell::new("nobody".into()));
///
/// struct CurrentUser;
///
/// impl TurnHook<String> for CurrentUser {
///     type Before = String;
///
///     fn enter(&self, user: &String) -> String {
///         USER.replace(user.clone())
///     }
///
///     fn leave(&self, _: &String, before: String) {
///         USER.set(before);
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// let context = RequestContext::builder()
///     .around_turn(CurrentUser)
///     .build("ada".to_owned())
///     .unwrap();
/// assert_eq!(context.run(async { USER.with_borrow(String::clone) }).await, "ada");
/// assert_eq!(USER.with_borrow(String::clone), "nobody");
/// # }
/// ```
pub trait TurnHook<S>: Send + Sync + 'static {
    /// What the thread had before the turn.
    type Before;

    /// Called when a turn is entered, on the thread it runs on.
    fn enter(&self, state: &S) -> Self::Before;

    /// Called when the turn is left, on the same thread; of several hooks, the last one entered is the
    /// first to be left.
    fn leave(&self, state: &S, before: Self::Before);
}

impl<S, H: TurnHook<S>> Around<S> for H {
    fn run(&self, state: &S, work: &mut dyn FnMut()) {
        /// Leaves the turn, also when the work panics.
        struct Leave<'a, S, H: TurnHook<S>> {
            hook: &'a H,
            state: &'a S,
            before: Option<H::Before>,
        }
        impl<S, H: TurnHook<S>> Drop for Leave<'_, S, H> {
            fn drop(&mut self) {
                let Some(before) = self.before.take() else {
                    return;
                };
                if thread::panicking() {
                    contained(|| self.hook.leave(self.state, before));
                } else {
                    self.hook.leave(self.state, before);
                }
            }
        }

        let _leave = Leave {
            hook: self,
            state,
            before: Some(self.enter(state)),
        };
        work();
    }
}

/// Sets a thread-local to what it makes of the state: [`Builder::mirror`](crate::Builder::mirror).
pub(crate) struct Mirror<T: 'static, F> {
    pub(crate) local: &'static LocalKey<Cell<T>>,
    pub(crate) value: F,
}

impl<S, T, F> TurnHook<S> for Mirror<T, F>
where
    F: Fn(&S) -> T + Send + Sync + 'static,
{
    type Before = T;

    fn enter(&self, state: &S) -> T {
        self.local.replace((self.value)(state))
    }

    fn leave(&self, _: &S, before: T) {
        self.local.set(before);
    }
}
