#![deny(warnings)]

use std::time::Duration;

use request_context::{Scheduler, context_async, scheduler};
use tokio::sync::{Mutex, oneshot::Receiver};

#[context_async(String)]
async fn index(count: &Mutex<u32>, receiver: Receiver<()>, other: Scheduler<u32>) -> String {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let _ = receiver.await;
    let _ = scheduler!().spawn(async {}).await;
    let _ = other.run(async {}).await;
    *count.lock().await += 1;
    format!("{}", count.lock().await)
}

fn main() {}
