#![deny(warnings)]

use request_context::detached;

trait Load: Send + Sync {
    async fn load(&self, id: u8) -> u8;
}

struct Cached<L> {
    from: L,
}

impl<L: Load> Cached<L> {
    #[detached(?Send)]
    async fn row(&self, id: u8) -> u8 {
        self.from.load(id).await
    }
}

#[detached]
async fn row<L: Load>(from: &L, id: u8) -> u8 {
    from.load(id).await
}

trait LoadAnywhere: Send + Sync {
    fn load(&self, id: u8) -> impl Future<Output = u8> + Send;
}

impl<L: LoadAnywhere> Cached<L> {
    #[detached]
    async fn row_anywhere(&self, id: u8) -> u8 {
        self.from.load(id).await
    }
}

fn main() {}
