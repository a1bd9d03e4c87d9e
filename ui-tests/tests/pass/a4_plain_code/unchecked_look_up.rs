#![deny(warnings)]

use request_context::{NoContext, Scheduler, try_with};

fn length() -> Result<usize, NoContext> {
    try_with::<String, _>(String::len)
}

fn scheduler() -> Result<Scheduler<String>, NoContext> {
    Scheduler::from_current()
}

fn main() {}
