#![deny(warnings)]

use std::{cell::Cell, rc::Rc, sync::Arc};

use request_context::detached;

struct Rows<T>(Vec<T>);

impl<T: Clone + Send + Sync> Rows<T> {
    #[detached]
    async fn first(&self) -> T {
        let first = Arc::new(self.0[0].clone());
        tokio::task::yield_now().await;
        T::clone(&first)
    }
}

struct OnOneThread(Cell<u8>);

impl OnOneThread {
    #[detached]
    async fn next(&self) -> u8 {
        let next = Rc::new(self.0.get());
        tokio::task::yield_now().await;
        *next + 1
    }
}

fn main() {}
