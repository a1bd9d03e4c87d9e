use std::rc::Rc;

use request_context::detached;

#[detached]
async fn sum<const N: usize>(rows: [u8; N]) -> u8 {
    //~^ ERROR future cannot be sent between threads safely
    let rows = Rc::new(rows);
    tokio::task::yield_now().await;
    rows.iter().sum()
}

fn main() {}
