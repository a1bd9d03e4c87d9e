use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

async fn forgot_the_attribute() {
    greeting().await; //~ ERROR this call needs a request context
}

fn main() {}

//~ TWIN attribute_not_forgotten
