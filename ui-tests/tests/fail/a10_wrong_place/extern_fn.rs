use request_context::context_async;

struct App;

#[context_async(App)]
async extern "C" fn index() {} //~ ERROR `#[context_async]` cannot be used on an `extern fn`

fn main() {}
