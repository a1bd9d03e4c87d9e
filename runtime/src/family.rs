//! The contexts that a context was forked from, and into: its work counts for the former as well.

use std::{
    iter,
    sync::{Arc, Weak},
};

use crate::{
    ContextId,
    context::{Context, Header},
    outstanding::{Failure, Unread, discard},
    sync::{Mutex, lock},
};

/// Each knows all the others up and down, so that one that is gone parts none of them. Weak throughout: a
/// fork keeps nobody's state, and nobody keeps that of a fork.
#[derive(Default)]
pub(crate) struct Family {
    /// The parent, the one it was forked from, and so on.
    ancestors: Box<[(ContextId, Weak<dyn Context>)]>,
    descendants: Mutex<Vec<Weak<dyn Context>>>,
}

impl Family {
    /// That of a child of `parent`.
    pub(crate) fn of_child(parent: &Arc<dyn Context>) -> Self {
        let header = parent.header();
        let further_up = header.ancestors().iter();
        // Those that are gone stay so, and in a long line of forks they would only grow more.
        let alive = further_up.filter(|(_, ancestor)| ancestor.strong_count() > 0);
        Family {
            ancestors: iter::once((header.id, Arc::downgrade(parent)))
                .chain(alive.cloned())
                .collect(),
            descendants: Mutex::default(),
        }
    }

    /// Makes `child` known to all it was forked from, and closed if one of them is.
    pub(crate) fn adopt(child: &Header) {
        for (_, ancestor) in child.ancestors() {
            if_alive(ancestor, |ancestor| {
                let mut descendants = lock(&ancestor.rare().family.descendants);
                if descendants.len() == descendants.capacity() {
                    descendants.retain(|descendant| descendant.strong_count() > 0);
                }
                descendants.push(child.this.clone());
                drop(descendants);
                // A `close` before that has not found the child.
                if ancestor.outstanding.is_closed() {
                    child.close_alone();
                }
                // As little as a token that was handed out before.
                if ancestor.has_handed_out() {
                    child.may_be_cancelled();
                }
            });
        }
    }
}

/// Who is alive when this begins may be its last owner's leaving when it ends: then its state is dropped
/// here, and panics of that are not the caller's.
pub(crate) fn if_alive<R>(
    context: &Weak<dyn Context>,
    action: impl FnOnce(&Header) -> R,
) -> Option<R> {
    let context = context.upgrade()?;
    let result = action(context.header());
    discard(context);
    Some(result)
}

/// Contexts that this keeps alive, to be looked at under a lock, under which nothing of theirs may be dropped.
pub(crate) struct Alive(Vec<Arc<dyn Context>>);

impl Alive {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter().map(|context| context.header())
    }
}

impl Drop for Alive {
    /// As [`if_alive`].
    fn drop(&mut self) {
        self.0.drain(..).for_each(discard);
    }
}

/// Why a context takes no more work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Closed,
    Cancelled,
}

impl Header {
    #[inline]
    fn ancestors(&self) -> &[(ContextId, Weak<dyn Context>)] {
        self.rare_if_made()
            .map_or(&[], |rare| &rare.family.ancestors)
    }

    /// Whether this was forked from another.
    #[inline]
    pub(crate) fn is_fork(&self) -> bool {
        !self.ancestors().is_empty()
    }

    /// Counts one more piece of work, here and in all this was forked from. In these first, so that
    /// `close` of one of them leaves no work here that it does not count.
    pub(crate) fn begin(&self) -> Result<(), Refused> {
        if self.is_cancelled() {
            return Err(Refused::Cancelled);
        }
        let ancestors = self.ancestors();
        let begins = |ancestor| if_alive(ancestor, |header| header.outstanding.begin());
        let begun = ancestors
            .iter()
            .take_while(|(_, ancestor)| begins(ancestor).unwrap_or(true))
            .count();
        if begun == ancestors.len() && self.outstanding.begin() {
            return Ok(());
        }
        for (_, ancestor) in &ancestors[..begun] {
            if_alive(ancestor, |header| header.outstanding.end(1));
        }
        Err(Refused::Closed)
    }

    /// Counts one more piece of work, also where no more may begin: one that is part of what was there.
    pub(crate) fn begin_anyway(&self) {
        self.outstanding.begin_anyway();
        for (_, ancestor) in self.ancestors() {
            if_alive(ancestor, |header| header.outstanding.begin_anyway());
        }
    }

    /// Ends so many pieces of work. An ancestor that is alive now was so when they began.
    pub(crate) fn end(&self, ended: usize) {
        self.outstanding.end(ended);
        for (_, ancestor) in self.ancestors() {
            if_alive(ancestor, |header| header.outstanding.end(ended));
        }
    }

    /// Lets no more work begin, here and in all that was forked from this.
    pub(crate) fn close(&self) {
        self.close_alone();
        self.each_descendant(Header::close_alone);
    }

    fn close_alone(&self) {
        self.outstanding.close();
        self.queue.close();
    }

    /// How many pieces of work are outstanding. All posts of a fork count as one of what it was forked from.
    pub(crate) fn count(&self) -> usize {
        // In this order: what ends meanwhile may be counted, and what began before is.
        let count = self.outstanding.count();
        let (posts, counted) = self.queue.posts();
        (count + posts).saturating_sub(counted.into())
    }

    /// Does something for all that were forked from this and are alive.
    pub(crate) fn each_descendant(&self, action: impl Fn(&Header)) {
        if let Some(rare) = self.rare_if_made() {
            let descendants = lock(&rare.family.descendants).clone();
            for descendant in &descendants {
                if_alive(descendant, &action);
            }
        }
    }

    /// Those this was forked from, as far as they are alive.
    pub(crate) fn living_ancestors(&self) -> Alive {
        let ancestors = self.ancestors().iter();
        Alive(ancestors.filter_map(|(_, above)| above.upgrade()).collect())
    }

    /// Whether this is the context called `id`, or was forked from it.
    pub(crate) fn descends_from(&self, id: ContextId) -> bool {
        self.id == id || self.ancestors().iter().any(|(above, _)| *above == id)
    }
}

/// Those whose `idle` may report a panic of a context's work: the context, and all it was forked from.
pub(crate) struct Heirs(Box<[Weak<dyn Context>]>);

impl Heirs {
    pub(crate) fn of(context: &Header) -> Self {
        let further_up = context.ancestors().iter();
        Heirs(
            iter::once(context.this.clone())
                .chain(further_up.map(|(_, ancestor)| ancestor.clone()))
                .collect(),
        )
    }

    /// Leaves `failure` to them all; the first that is asked has it.
    pub(crate) fn report(&self, failure: Failure) {
        let failure = Unread::new(Mutex::new(Some(failure)));
        for heir in &self.0 {
            if_alive(heir, |header| header.outstanding.report(failure.clone()));
        }
        discard(failure);
    }
}
