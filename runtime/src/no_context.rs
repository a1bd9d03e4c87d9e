//! Why there is no context here.

use std::{error::Error, fmt, panic::Location};

/// There is no request context here, or not one of the state that was asked for.
///
/// It says which: there never was one, it was detached (and where), or the one there is has another
/// state. What [`try_with`](crate::try_with) and
/// [`Scheduler::from_current`](crate::Scheduler::from_current) return; code that the compiler checks
/// never meets it.
///
/// # Examples
///
/// ```
/// let error = request_context::try_with::<u32, _>(|_| ()).unwrap_err();
/// assert!(error.detached_at().is_none());
/// assert!(error.to_string().starts_with("there is no request context here"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoContext {
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Never,
    Hidden(Hidden),
    OtherState {
        wanted: &'static str,
        found: &'static str,
    },
}

/// What hides the context from the code that runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// A `#[detached]` part or fn, or work given to `spawn_detached`.
    Detached(&'static Location<'static>),
    /// The context is being dropped, and this is its state's `Drop`.
    Dropping,
}

impl NoContext {
    pub(crate) const NEVER: Self = NoContext { why: Why::Never };

    pub(crate) fn hidden(hidden: Hidden) -> Self {
        NoContext {
            why: Why::Hidden(hidden),
        }
    }

    pub(crate) fn other_state(wanted: &'static str, found: &'static str) -> Self {
        NoContext {
            why: Why::OtherState { wanted, found },
        }
    }

    /// Where the context was detached, if that is why there is none.
    pub fn detached_at(&self) -> Option<&'static Location<'static>> {
        match self.why {
            Why::Hidden(Hidden::Detached(location)) => Some(location),
            _ => None,
        }
    }
}

impl fmt::Display for NoContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Never => f.write_str(
                "there is no request context here: this was not started on one; use \
                 `context.run(..)`, or `scheduler!().spawn(..)` instead of a plain spawn",
            ),
            Why::Hidden(hidden) => write!(f, "there is no request context here: {hidden}"),
            Why::OtherState { wanted, found } => write!(
                f,
                "the request context here has state `{found}`, not `{wanted}`"
            ),
        }
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hidden::Detached(location) => write!(
                f,
                "it was detached at {location}; take what you need, or a `scheduler!()`, before that"
            ),
            Hidden::Dropping => f.write_str("it is being dropped, and its state with it"),
        }
    }
}

impl Error for NoContext {}
