use request_context::detached;

trait Load: Send + Sync {
    async fn load(&self, id: u8) -> u8;
}

struct Cached<L> {
    from: L,
}

impl<L: Load> Cached<L> {
    #[detached]
    async fn row(&self, id: u8) -> u8 {
        //~^ ERROR future cannot be sent between threads safely
        self.from.load(id).await
    }
}

fn main() {}
