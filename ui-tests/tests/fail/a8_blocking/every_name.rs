use std::sync::Arc;

use request_context::context_async;
use tokio::sync::{Mutex, RwLock, mpsc};

#[context_async(String)]
async fn index(mutex: Arc<Mutex<u32>>, lock: Arc<RwLock<u32>>, mut numbers: mpsc::Receiver<u32>) {
    drop(mutex.clone().blocking_lock_owned()); //~ ERROR `blocking_lock_owned` blocks the context this runs on
    drop(lock.blocking_read()); //~ ERROR `blocking_read` blocks the context this runs on
    drop(lock.blocking_write()); //~ ERROR `blocking_write` blocks the context this runs on
    numbers.blocking_recv_many(&mut Vec::new(), 3); //~ ERROR `blocking_recv_many` blocks the context this runs on
}

fn main() {}
