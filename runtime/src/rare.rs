//! What most contexts never need.

use std::sync::Arc;

use crate::{
    cancel::Cancellation, context::Header, exclusive::Exclusive, family::Family, settings::Settings,
};

/// In one allocation of its own, made with the context or when first needed, so that others stay small.
#[derive(Default)]
pub(crate) struct Rare {
    pub(crate) settings: Option<Arc<Settings>>,
    pub(crate) family: Family,
    pub(crate) cancellation: Cancellation,
    pub(crate) exclusive: Exclusive,
}

impl Header {
    pub(crate) fn rare(&self) -> &Rare {
        self.rare.get_or_init(Box::default)
    }

    #[inline]
    pub(crate) fn rare_if_made(&self) -> Option<&Rare> {
        self.rare.get().map(Box::as_ref)
    }

    #[inline]
    pub(crate) fn settings(&self) -> Option<&Arc<Settings>> {
        self.rare_if_made()?.settings.as_ref()
    }
}
