use request_context::{context, context_async};

struct Request<'a> {
    user: &'a str,
}

#[context_async(Request<'a>)]
async fn greeting<'a>() -> usize {
    context!().user.len()
}

async fn index(user: String) {
    let context = request_context::RequestContext::new(Request { user: &user }); //~ ERROR `user` does not live long enough
    context.run(greeting()).await;
}

fn main() {}
