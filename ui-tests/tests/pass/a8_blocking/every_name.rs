#![deny(warnings)]

use std::sync::Arc;

use request_context::context_async;
use tokio::sync::{Mutex, RwLock, mpsc};

#[context_async(String)]
async fn index(mutex: Arc<Mutex<u32>>, lock: Arc<RwLock<u32>>, mut numbers: mpsc::Receiver<u32>) {
    drop(mutex.clone().lock_owned().await);
    drop(lock.read().await);
    drop(lock.write().await);
    numbers.recv_many(&mut Vec::new(), 3).await;
}

fn main() {}
