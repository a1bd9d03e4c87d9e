use std::{thread, time::Duration};

use request_context::{RequestContext, context_block};

async fn handle(context: RequestContext<String>) {
    let work = context_block!(String, async {
        thread::sleep(Duration::from_secs(1)); //~ ERROR `sleep` blocks the context this runs on
    });
    context.run(work).await;
}

fn main() {}
