use std::cell::RefCell;

use request_context::{context, context_async};

struct App {
    names: RefCell<Vec<String>>,
}

#[context_async(App)]
async fn index() {
    //~^ ERRORS future cannot be sent between threads safely
    let mut names = context!().names.borrow_mut();
    tokio::task::yield_now().await;
    names.push(String::new());
}

fn main() {}

//~ TWIN ref_cell_borrow_ended_before_an_await
