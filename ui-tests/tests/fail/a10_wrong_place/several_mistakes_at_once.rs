use request_context::{context, context_async, detached};

struct App;

#[context_async(App, bxed)] //~ ERROR unknown argument `bxed`
#[detached] //~ ERROR `#[detached]` cannot be used on a `#[context_async]` fn
async extern "C" fn index() {
    //~^ ERROR `#[context_async]` cannot be used on an `extern fn`
    let _request = context!(App); //~ ERROR `context!` takes no arguments
    #[detached] //~ ERROR `#[detached]` cannot be used on a `let` without a value
    let _count: u32;
}

fn main() {}
