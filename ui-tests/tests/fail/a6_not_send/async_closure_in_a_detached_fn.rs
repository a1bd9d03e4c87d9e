use std::{fmt::Display, rc::Rc};

use request_context::detached;

#[detached]
async fn show<T: Display + Send + Sync>(value: T) -> String {
    //~^ ERROR future cannot be sent between threads safely
    let again = async || {
        let shown: Rc<str> = value.to_string().into();
        tokio::task::yield_now().await;
        shown.to_string()
    };
    again().await
}

fn main() {}
