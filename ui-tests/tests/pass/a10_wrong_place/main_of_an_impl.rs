#![deny(warnings)]

use request_context::context_async;

struct App;

impl App {
    #[context_async(App)]
    async fn start() {}

    #[context_async(App)]
    async fn main(&self) {
        Self::start().await;
    }
}

mod program {
    use request_context::context_async;

    #[context_async(super::App)]
    async fn main(_arguments: &[String]) {
        super::App.main().await;
    }
}

fn main() {}
