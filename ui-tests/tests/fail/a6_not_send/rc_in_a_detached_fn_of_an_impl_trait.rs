use std::{fmt::Display, rc::Rc};

use request_context::detached;

#[detached]
async fn show(value: impl Display + Send, _: u8) -> String {
    //~^ ERROR future cannot be sent between threads safely
    let shown: Rc<str> = value.to_string().into();
    tokio::task::yield_now().await;
    shown.to_string()
}

fn main() {}
