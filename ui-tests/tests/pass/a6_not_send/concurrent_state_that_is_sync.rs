#![deny(warnings)]

use std::{cell::Cell, sync::atomic::AtomicU32};

use request_context::RequestContext;

fn main() {
    let _concurrent = || RequestContext::concurrent(AtomicU32::new(0));
    let _serial = || RequestContext::new(Cell::new(0));
}
