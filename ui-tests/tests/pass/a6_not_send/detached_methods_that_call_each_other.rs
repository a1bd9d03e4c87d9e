#![deny(warnings)]

use request_context::{detached, spawn_detached};

struct Rows(u8);

impl Rows {
    #[detached(?Send)]
    async fn is_even(&self, id: u8) -> bool {
        id == self.0 || self.is_odd(id - 1).await
    }

    #[detached(?Send)]
    async fn is_odd(&self, id: u8) -> bool {
        id != self.0 && Box::pin(self.is_even(id - 1)).await
    }

    #[detached]
    async fn is_even_by_itself(&self, id: u8) -> bool {
        id == self.0 || !Box::pin(self.is_even_by_itself(id - 1)).await
    }
}

/// They are `Send` all the same.
async fn spawned() -> bool {
    let even = spawn_detached(async { Rows(0).is_even(4).await });
    let odd = spawn_detached(async { Rows(0).is_even_by_itself(3).await });
    even.await.unwrap() || odd.await.unwrap()
}

fn main() {
    drop(spawned());
}
