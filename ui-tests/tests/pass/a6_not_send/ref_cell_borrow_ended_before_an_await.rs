#![deny(warnings)]

use std::cell::RefCell;

use request_context::{context, context_async};

struct App {
    names: RefCell<Vec<String>>,
}

#[context_async(App)]
async fn index() {
    context!().names.borrow_mut().clear();
    tokio::task::yield_now().await;
    let mut names = context!().names.borrow_mut();
    names.push(String::new());
}

fn main() {}
