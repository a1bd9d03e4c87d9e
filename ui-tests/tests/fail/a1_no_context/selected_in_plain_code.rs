use request_context::context_async;

struct App;

#[context_async(App)]
async fn greeting() {}

async fn first() {
    tokio::select! {
        //~^ ERRORS this call needs a request context
        () = greeting() => {}
        () = async {} => {}
    }
}

fn main() {}

//~ TWIN selected_in_a_body
