#![deny(warnings)]

use request_context::{Scheduler, context, context_async, scheduler};

struct App {
    user: String,
}

#[context_async(App)]
async fn index() -> (String, Scheduler<App>) {
    (context!().user.clone(), scheduler!())
}

fn main() {}
