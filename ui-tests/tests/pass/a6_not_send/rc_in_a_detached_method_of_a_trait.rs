#![deny(warnings)]

use std::rc::Rc;

use request_context::detached;

trait Load {
    #[detached]
    async fn load(&self, id: u8) -> u8;

    #[detached]
    async fn load_two(&self, id: u8) -> (u8, u8) {
        (self.load(id).await, self.load(id + 1).await)
    }
}

struct Rows(Vec<u8>);

impl Load for Rows {
    #[detached(?Send)]
    async fn load(&self, id: u8) -> u8 {
        let row = Rc::new(self.0[usize::from(id)]);
        tokio::task::yield_now().await;
        *row
    }
}

fn main() {}
