use request_context::{attach, context, context_async, scheduler};

struct App;

#[context_async(App)]
async fn index() {
    let _request = context!(App); //~ ERROR `context!` takes no arguments
    let _scheduler = scheduler!(App); //~ ERROR `scheduler!` takes no arguments
    attach!().await; //~ ERROR `attach!` needs an argument
}

fn main() {}
