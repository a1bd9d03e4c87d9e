use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

async fn both() {
    tokio::join!(greeting(), async {});
    //~^ ERRORS this call needs a request context
    //~^^ ERROR the method `take_output` exists
}

fn main() {}

//~ TWIN joined_in_a_body
