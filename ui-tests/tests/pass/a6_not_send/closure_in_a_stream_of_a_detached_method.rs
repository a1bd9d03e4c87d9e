#![deny(warnings)]

use futures::{
    future::join_all,
    stream::{self, StreamExt},
};
use request_context::detached;

struct Rows(Vec<String>);

#[detached]
async fn length(row: &str) -> usize {
    tokio::task::yield_now().await;
    row.len()
}

impl Rows {
    #[detached(?Send)]
    async fn lengths(&self) -> Vec<usize> {
        let lengths = self.0.iter().map(|row| length(row));
        stream::iter(lengths).buffered(2).collect().await
    }

    #[detached]
    async fn lengths_of_a_list(&self) -> Vec<usize> {
        let lengths: Vec<_> = self.0.iter().map(|row| length(row)).collect();
        stream::iter(lengths).buffered(2).collect().await
    }

    #[detached]
    async fn all_lengths(&self) -> Vec<usize> {
        join_all(self.0.iter().map(|row| length(row))).await
    }
}

fn main() {}
