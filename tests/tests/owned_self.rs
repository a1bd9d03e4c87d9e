//! What a fn assigns to a `self` that it owns is read by the destructor, and nobody is warned of it.

#![deny(warnings)]

use std::sync::atomic::{AtomicU32, Ordering};

use request_context::{RequestContext, context_async, detached};
use tokio::task::yield_now;

static ROLLED_BACK: AtomicU32 = AtomicU32::new(0);

struct Transaction {
    open: bool,
    steps: u32,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.open {
            ROLLED_BACK.fetch_add(self.steps, Ordering::Relaxed);
        }
    }
}

impl Transaction {
    #[detached]
    async fn commit(mut self) {
        yield_now().await;
        self.open = false;
    }

    #[detached]
    async fn roll_back(mut self) {
        self.steps += 1;
    }

    #[context_async(u8)]
    async fn commit_here(mut self) {
        match self.steps {
            0 => yield_now().await,
            _ => self.open = false,
        }
    }
}

#[tokio::test]
async fn a_destructor_sees_what_was_assigned() {
    let begin = || Transaction {
        open: true,
        steps: 1,
    };
    begin().commit().await;
    RequestContext::new(0).run(begin().commit_here()).await;
    assert_eq!(ROLLED_BACK.load(Ordering::Relaxed), 0);
    begin().roll_back().await;
    assert_eq!(ROLLED_BACK.load(Ordering::Relaxed), 2);
}
