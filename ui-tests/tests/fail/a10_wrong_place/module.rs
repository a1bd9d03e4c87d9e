use request_context::context_async;

struct App;

#[context_async(App)]
mod greetings {} //~ ERROR put it on each `async fn` inside

fn main() {}
