//! The contexts that a context was forked from, and into: its work counts for the former as well.

use std::sync::{Arc, OnceLock, Weak};

use crate::{
    ContextId,
    context::{Context, Header},
    outstanding::Failure,
    sync::{Mutex, lock},
};

/// Boxed, as most contexts have none.
#[derive(Default)]
pub(crate) struct Family {
    parent: Option<Box<Parent>>,
    children: OnceLock<Box<Children>>,
}

type Children = Mutex<Vec<Weak<dyn Context>>>;

struct Parent {
    /// Weak: a child does not keep its parent's state.
    context: Weak<dyn Context>,
    /// The parent, and those it was forked from.
    ancestors: Vec<ContextId>,
}

impl Family {
    /// That of a child of `parent`.
    pub(crate) fn of_child(parent: &Arc<dyn Context>) -> Self {
        let header = parent.header();
        let mut ancestors = vec![header.id];
        if let Some(parent) = &header.family.parent {
            ancestors.extend(&parent.ancestors);
        }
        Family {
            parent: Some(Box::new(Parent {
                context: Arc::downgrade(parent),
                ancestors,
            })),
            children: OnceLock::new(),
        }
    }

    pub(crate) fn parent(&self) -> Option<Arc<dyn Context>> {
        self.parent.as_ref()?.context.upgrade()
    }

    pub(crate) fn adopt(&self, child: Weak<dyn Context>) {
        let mut children = lock(self.children.get_or_init(Box::default));
        children.retain(|child| child.strong_count() > 0);
        children.push(child);
    }
}

/// Why a context takes no more work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Closed,
    Cancelled,
}

impl Header {
    /// Counts one more piece of work, here and in all this was forked from.
    pub(crate) fn begin(&self) -> Result<(), Refused> {
        if self.cancellation.is_cancelled() {
            return Err(Refused::Cancelled);
        }
        if !self.outstanding.begin() {
            return Err(Refused::Closed);
        }
        if let Some(parent) = self.family.parent() {
            if let Err(refused) = parent.header().begin() {
                self.outstanding.end(1);
                return Err(refused);
            }
        }
        Ok(())
    }

    /// Ends so many pieces of work.
    pub(crate) fn end(&self, ended: usize) {
        self.outstanding.end(ended);
        if let Some(parent) = self.family.parent() {
            parent.header().end(ended);
        }
    }

    /// Whether this is the context called `id`, or was forked from it.
    pub(crate) fn descends_from(&self, id: ContextId) -> bool {
        let parent = self.family.parent.as_ref();
        self.id == id || parent.is_some_and(|parent| parent.ancestors.contains(&id))
    }

    /// The panics nobody took, of this context and of what was forked from it.
    pub(crate) fn take_failures(&self) -> Vec<Failure> {
        let mut failures = self.outstanding.take_failures();
        if let Some(children) = self.family.children.get() {
            let children = lock(children).clone();
            for child in children.iter().filter_map(Weak::upgrade) {
                failures.extend(child.header().take_failures());
            }
        }
        failures
    }
}

impl Drop for Header {
    /// Leaves the panics nobody took to the parent.
    fn drop(&mut self) {
        if let Some(parent) = self.family.parent() {
            for failure in self.outstanding.take_failures() {
                parent.header().outstanding.report(failure);
            }
        }
    }
}
