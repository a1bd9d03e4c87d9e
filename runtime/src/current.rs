//! The safe side of a body's tokens.

use std::{any::type_name, fmt};

use tokio_util::sync::CancellationToken;

use crate::{ContextId, CurrentAnyContext, CurrentContext, trusted::Token};

impl<S: 'static> CurrentContext<'_, S> {
    /// This context's name, for logs. A function, `CurrentContext::id(&context!())`, so that it hides
    /// no method of the state.
    pub fn id(this: &Self) -> ContextId {
        this.any().id()
    }

    /// The token that is cancelled with this context, and that cancels it:
    /// [`RequestContext::cancellation_token`](crate::RequestContext::cancellation_token). A function, as
    /// [`id`](CurrentContext::id) is.
    ///
    /// Asked for when the last `RequestContext` is gone, it does not wake what was suspended by then: that is
    /// dropped at its next turn.
    pub fn cancellation_token(this: &Self) -> CancellationToken {
        this.any().cancellation_token()
    }
}

impl CurrentAnyContext<'_> {
    /// This context's name, for logs.
    pub fn id(&self) -> ContextId {
        self.header().id
    }

    /// The token that is cancelled with this context, and that cancels it:
    /// [`RequestContext::cancellation_token`](crate::RequestContext::cancellation_token).
    ///
    /// Asked for when the last `RequestContext` is gone, it does not wake what was suspended by then: that is
    /// dropped at its next turn.
    pub fn cancellation_token(&self) -> CancellationToken {
        self.header().hand_out_token()
    }
}

impl<S: 'static> fmt::Debug for CurrentContext<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentContext")
            .field("id", &Self::id(self))
            .field("state", &type_name::<S>())
            .finish()
    }
}

impl fmt::Debug for CurrentAnyContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentAnyContext")
            .field("id", &self.id())
            .finish()
    }
}
