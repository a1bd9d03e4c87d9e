use request_context::context_async;

struct App;

#[context_async(App)]
async fn keep<T>(value: T) {
    //~^ ERROR cannot be sent between threads safely
    tokio::task::yield_now().await;
    drop(value);
}

fn main() {}

//~ TWIN bounded_argument_of_a_generic_fn
