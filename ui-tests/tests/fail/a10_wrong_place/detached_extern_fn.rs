use request_context::detached;

#[detached]
async extern "C" fn load() {} //~ ERROR `#[detached]` cannot be used on an `extern fn`

fn main() {}
