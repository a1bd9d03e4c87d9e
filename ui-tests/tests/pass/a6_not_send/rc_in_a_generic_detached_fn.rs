#![deny(warnings)]

use std::{rc::Rc, sync::Arc};

use request_context::detached;

#[detached]
async fn keep<T: Send>(value: T) -> (T, u8) {
    let shared = Arc::new(1);
    tokio::task::yield_now().await;
    (value, *shared)
}

#[detached(?Send)]
async fn keep_here<T: Send>(value: T) -> (T, u8) {
    let shared = Rc::new(1);
    tokio::task::yield_now().await;
    (value, *shared)
}

/// Not `Send` for some callers anyway, so it need not say so.
#[detached]
async fn keep_any<T>(value: T) -> (T, u8) {
    let shared = Rc::new(1);
    tokio::task::yield_now().await;
    (value, *shared)
}

fn main() {}
