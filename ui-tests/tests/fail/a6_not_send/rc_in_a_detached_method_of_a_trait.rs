use std::rc::Rc;

use request_context::detached;

trait Load {
    #[detached]
    async fn load(&self, id: u8) -> u8;
}

struct Rows(Vec<u8>);

impl Load for Rows {
    #[detached]
    async fn load(&self, id: u8) -> u8 {
        //~^ ERROR future cannot be sent between threads safely
        let row = Rc::new(self.0[usize::from(id)]);
        tokio::task::yield_now().await;
        *row
    }
}

fn main() {}
