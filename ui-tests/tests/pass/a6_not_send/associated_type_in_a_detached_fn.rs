#![deny(warnings)]

use request_context::detached;

#[detached]
async fn last<I: Iterator<Item: Send> + Send>(rows: I) -> Option<I::Item> {
    let mut last = None;
    for row in rows {
        last = Some(row);
        tokio::task::yield_now().await;
    }
    last
}

#[detached(?Send)]
async fn last_here<I: Iterator + Send>(rows: I) -> Option<I::Item> {
    let mut last = None;
    for row in rows {
        last = Some(row);
        tokio::task::yield_now().await;
    }
    last
}

fn main() {}
