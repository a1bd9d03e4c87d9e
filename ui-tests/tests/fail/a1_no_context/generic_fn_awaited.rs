use request_context::context_async;

struct App;

#[context_async(C)]
async fn audit<C: Send>() {}

async fn forgot_the_attribute() {
    audit::<App>().await; //~ ERROR this call needs a request context
}

fn main() {}

//~ TWIN generic_fn_in_bodies
