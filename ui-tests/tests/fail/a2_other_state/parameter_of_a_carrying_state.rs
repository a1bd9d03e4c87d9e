use request_context::context_async;

struct Request<U>(U);

#[context_async(Request<U>)]
async fn of_user<U: Send>() {}

#[context_async(Request<u8>)]
async fn index() {
    of_user::<u16>().await; //~ ERROR `NeedsContext<Request<u16>, impl Future<Output = ()> + Send>` cannot run on a request context with state `Request<u8>`
}

fn main() {}

//~ TWIN generic_parameter_inferred
