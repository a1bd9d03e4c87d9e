use request_context::context_async;

struct App;

#[context_async(App)]
impl App {} //~ ERROR put it on each `async fn` inside

fn main() {}
