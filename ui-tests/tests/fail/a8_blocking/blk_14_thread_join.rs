use std::thread::{self, JoinHandle};

use request_context::context_async;

#[context_async(String)]
async fn index(other: JoinHandle<u32>) -> thread::Result<u32> {
    thread::spawn(|| ()).join().unwrap(); //~ ERROR `join` blocks the context this runs on
    thread::spawn(|| ()).join().expect("no panic"); //~ ERROR `join` blocks the context this runs on
    thread::spawn(|| ()).join()?; //~ ERROR `join` blocks the context this runs on
    JoinHandle::join(other) //~ ERROR `join` blocks the context this runs on
}

fn main() {}
