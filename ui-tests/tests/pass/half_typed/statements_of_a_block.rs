#![deny(warnings)]

use request_context::{RequestContext, context, context_block};

struct App {
    user: String,
}

async fn run(app: RequestContext<App>) -> usize {
    app.run(context_block!(App, async {
        let length = context!().user.len();
        let user = context!().user.len();
        user + length
    }))
    .await
}

fn main() {}
