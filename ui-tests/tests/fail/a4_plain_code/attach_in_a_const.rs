use request_context::{attach, context_async};

struct App;

#[context_async(App)]
async fn greeting() {}

const INDEX: () = drop(attach!(greeting())); //~ ERROR `attach!(..)` needs a request context

fn main() {}
