#![deny(warnings)]

use request_context::{NoContext, RequestContext, Scheduler};

fn start(context: Option<RequestContext<String>>) -> Result<Scheduler<String>, NoContext> {
    match context {
        Some(context) => Ok(context.scheduler()),
        None => Scheduler::from_current(),
    }
}

fn main() {}
