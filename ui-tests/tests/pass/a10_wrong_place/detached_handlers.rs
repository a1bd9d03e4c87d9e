#![deny(warnings)]

use axum::debug_handler;
use request_context::{RequestContext, context, context_async, detached};

#[detached]
#[debug_handler]
async fn above(body: String) -> String {
    body
}

#[debug_handler]
#[detached]
async fn below(body: String) -> String {
    body
}

#[context_async(String)]
async fn page() -> String {
    String::clone(&context!())
}

#[debug_handler]
async fn runs_a_page(user: String) -> String {
    RequestContext::new(user).run(page()).await
}

fn main() {}
