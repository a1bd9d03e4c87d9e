use std::rc::Rc;

use request_context::context_async;

struct App;

impl App {
    #[context_async(App, boxed)]
    async fn greet(&self) -> usize { //~ ERROR future cannot be sent between threads safely
        let count = Rc::new(1);
        tokio::task::yield_now().await;
        *count
    }
}

fn main() {}
//~ TWIN rc_in_a_boxed_method_that_says_so
