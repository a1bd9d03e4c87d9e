use std::rc::Rc;

use request_context::detached;

struct Rows<T>(Vec<T>);

impl<T: Clone + Send + Sync> Rows<T> {
    #[detached]
    async fn first(&self) -> T {
        //~^ ERROR future cannot be sent between threads safely
        let first = Rc::new(self.0[0].clone());
        tokio::task::yield_now().await;
        T::clone(&first)
    }
}

fn main() {}
