use futures::stream::{self, StreamExt};
use request_context::detached;

struct Rows(Vec<String>);

#[detached]
async fn length(row: &str) -> usize {
    tokio::task::yield_now().await;
    row.len()
}

impl Rows {
    #[detached]
    async fn lengths(&self) -> Vec<usize> {
        //~^ ERROR implementation of `FnOnce` is not general enough
        let lengths = self.0.iter().map(|row| length(row));
        stream::iter(lengths).buffered(2).collect().await
    }
}

fn main() {}
