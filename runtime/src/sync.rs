//! The atomics and locks of the turn and the queue: std's, or loom's when the models are run.

use std::sync::OnceLock;

#[cfg(request_context_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering},
};
#[cfg(not(request_context_loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering},
};

/// Locks, poisoned or not: no user code runs under these locks, so a poisoned one is still whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What most contexts never need, made when it is first needed, so that the others stay small.
#[derive(Debug)]
pub(crate) struct Lazy<T>(Option<Box<T>>);

impl<T: Default> Lazy<T> {
    pub(crate) fn new() -> Self {
        Lazy(None)
    }

    pub(crate) fn made(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

/// As [`Lazy`], for what many reach at once.
#[derive(Debug)]
pub(crate) struct Once<T>(OnceLock<Box<T>>);

impl<T: Default> Once<T> {
    pub(crate) fn new() -> Self {
        let once = Once(OnceLock::new());
        if cfg!(request_context_loom) {
            // loom does not see what a std type orders.
            once.made();
        }
        once
    }

    #[inline]
    pub(crate) fn made(&self) -> &T {
        self.0.get_or_init(Box::default)
    }

    #[inline]
    pub(crate) fn if_made(&self) -> Option<&T> {
        self.0.get().map(Box::as_ref)
    }
}
