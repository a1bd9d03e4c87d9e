#![deny(warnings)]

use std::{fmt::Display, sync::Arc};

use request_context::detached;

#[detached]
async fn show<T: Display + Send + Sync>(value: T) -> String {
    let again = async || {
        let shown: Arc<str> = value.to_string().into();
        tokio::task::yield_now().await;
        shown.to_string()
    };
    again().await
}

fn main() {}
