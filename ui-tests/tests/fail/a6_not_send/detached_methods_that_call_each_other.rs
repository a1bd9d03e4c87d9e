use request_context::detached;

struct Rows(u8);

impl Rows {
    #[detached]
    async fn is_even(&self, id: u8) -> bool {
        id == self.0 || self.is_odd(id - 1).await
    }

    #[detached]
    async fn is_odd(&self, id: u8) -> bool {
        //~^ ERROR future cannot be sent between threads safely
        id != self.0 && Box::pin(self.is_even(id - 1)).await
    }
}

fn main() {}
