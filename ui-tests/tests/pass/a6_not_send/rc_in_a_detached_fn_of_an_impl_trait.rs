#![deny(warnings)]

use std::{fmt::Display, rc::Rc, sync::Arc};

use request_context::detached;

#[detached]
async fn show(value: impl Display + Send, _: u8) -> String {
    let shown: Arc<str> = value.to_string().into();
    tokio::task::yield_now().await;
    shown.to_string()
}

#[detached]
async fn show_any(value: impl Display, _: u8) -> String {
    let shown: Rc<str> = value.to_string().into();
    tokio::task::yield_now().await;
    shown.to_string()
}

fn main() {}
