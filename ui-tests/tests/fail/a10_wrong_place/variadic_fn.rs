use request_context::context_async;

struct App;

#[context_async(App)]
async unsafe fn index(_: ...) {} //~ ERROR `#[context_async]` cannot be used on a variadic fn

fn main() {}
