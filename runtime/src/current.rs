//! The safe side of a body's tokens.

use std::{any::type_name, fmt};

use crate::{ContextId, CurrentAnyContext, CurrentContext, trusted::Token};

impl<S: 'static> CurrentContext<'_, S> {
    /// This context's name, for logs. A function, `CurrentContext::id(&context!())`, so that it hides
    /// no method of the state.
    pub fn id(this: &Self) -> ContextId {
        this.any().id()
    }
}

impl CurrentAnyContext<'_> {
    /// This context's name, for logs.
    pub fn id(&self) -> ContextId {
        self.header().id
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
