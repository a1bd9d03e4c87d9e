#![deny(warnings)]

use std::sync::Arc;

use request_context::{RequestContext, context, context_async};

struct Request {
    user: Arc<str>,
}

#[context_async(Request)]
async fn greeting() -> usize {
    context!().user.len()
}

async fn index(user: Arc<str>) {
    let context = RequestContext::new(Request { user });
    context.run(greeting()).await;
}

fn main() {}
