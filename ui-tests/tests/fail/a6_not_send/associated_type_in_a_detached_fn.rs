use request_context::detached;

#[detached]
async fn last<I: Iterator + Send>(mut rows: I) -> Option<I::Item> {
    //~^ ERROR future cannot be sent between threads safely
    let mut last = None;
    while let Some(row) = rows.next() {
        last = Some(row);
        tokio::task::yield_now().await;
    }
    last
}

fn main() {}
