#![deny(warnings)]

use request_context::{RequestContext, attach, context_async, scheduler};

#[context_async]
async fn trace() {}

#[context_async]
async fn any() {
    trace().await;
    let nested = async { attach!(trace()).await };
    nested.await;
    scheduler!().spawn(trace()).await.unwrap();
}

#[context_async(String)]
async fn typed(context: RequestContext<u8>) {
    any().await;
    context.run(any()).await;
    tokio::join!(any(), attach!(any()));
    scheduler!().spawn(any()).await.unwrap();
}

fn main() {}
