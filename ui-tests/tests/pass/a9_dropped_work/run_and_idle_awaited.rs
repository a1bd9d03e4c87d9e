#![deny(warnings)]

use request_context::RequestContext;

async fn handle(context: &RequestContext<String>) {
    context.run(async {}).await;
    context.idle().await.unwrap();
}

fn main() {}
