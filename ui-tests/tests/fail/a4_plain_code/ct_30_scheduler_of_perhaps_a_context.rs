use request_context::{RequestContext, Scheduler};

fn start(context: Option<RequestContext<String>>) -> Scheduler<String> {
    context.scheduler() //~ ERROR no method named `scheduler` found for enum `Option<T>`
}

fn main() {}
