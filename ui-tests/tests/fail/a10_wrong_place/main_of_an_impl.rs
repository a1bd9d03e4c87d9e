use request_context::context_async;

struct App;

impl App {
    #[context_async(App)]
    async fn main() {} //~ ERROR a `main` that is not the program's takes another name
}

fn main() {}
