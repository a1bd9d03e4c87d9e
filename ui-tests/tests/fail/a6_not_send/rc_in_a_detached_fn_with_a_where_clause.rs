use std::{fmt::Display, rc::Rc};

use request_context::detached;

#[detached]
async fn show<T>(rows: &[T]) -> String
//~^ ERROR future cannot be sent between threads safely
where
    T: Display + Send + Sync,
{
    let last = Rc::new(rows.len() - 1);
    tokio::task::yield_now().await;
    rows[*last].to_string()
}

fn main() {}
