#![deny(warnings)]

struct App;

mod greetings {
    use request_context::context_async;

    #[context_async(super::App)]
    async fn greeting() {}
}

fn main() {}
